import { PeerloomError } from '../base/errors.ts';
import { randomName } from '../base/random-name.ts';
import type { Runtime } from '../base/runtime.ts';
import type { FrameChannel } from '../channel/frame-channel.ts';
import type { Handshake } from '../channel/handshake.ts';
import type { Session } from '../channel/session/session.ts';
import type { Link } from '../transport/transport.ts';
import type { HelloSession } from '../wire/frames/hello.ts';
import type { PeerConnection } from './peer-connection.ts';

/** A channel with a session. */
export type SessionChannel = FrameChannel & { readonly session: Session };

/** A session ended, or resumed over another link, while the two sides agreed to resume it. */
export class NotResumed extends PeerloomError {
  constructor(options?: ErrorOptions) {
    super(
      'ERR_CONNECTION_CLOSED',
      'the session ended while the two sides resumed it: connect again',
      options,
    );
  }
}

/** A session resumes only over links of the same kind. */
type LinkKind = Pick<Link, 'security'>;
type ImprovableLink = Pick<Link, 'security' | 'improve'>;

/** The session with one peer, if there is one, and the part of both sides' hellos about it (section 10). */
export class PeerSession {
  readonly #runtime: Runtime;
  #channel: SessionChannel | undefined;
  /** The connection that the session carries. */
  #connection: PeerConnection | undefined;
  /**
   * The ids of sessions that this side has named and that begin with the accept of the peer, by the protocol of the
   * link. If the accept does not arrive, the session may have begun there, and it resumes here (10.11).
   */
  #offers: Map<string, string> | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The channel whose session has not ended. */
  get channel(): SessionChannel | undefined {
    return this.#channel;
  }

  /** Whether this side has offered a session that may have begun on the other side. */
  get isOffered(): boolean {
    return this.#offers !== undefined;
  }

  /** Whether there is a session that can resume over this link. */
  canUse(link: LinkKind): boolean {
    return this.#over(link) !== undefined;
  }

  /**
   * Whether the peer may resume the session that it asks for: the session exists or was offered. `'late'`: the peer
   * names a position from before it resumed over another link (10.6), or wants to move a session that cannot move
   * (10.12).
   */
  resumesWith(link: LinkKind, asked: HelloSession | undefined): boolean | 'late' {
    if (asked === undefined) return false;
    if (asked.beside) return this.#canMove(link, asked) || 'late';
    const session = this.#over(link)?.session;
    if (session?.id !== asked.id) return this.#isOffer(link, asked);
    return session.isPast(asked.receivedBytes) ? 'late' : true;
  }

  /** The session part of this side's hello when it dials to move the session. */
  proposeMove(link: LinkKind): HelloSession | undefined {
    const session = this.#over(link)?.session;
    return session?.isAbleToMove ? moveOf(session) : undefined;
  }

  /**
   * The session part of this side's hello when it dials: the existing session, or a new one.
   *
   * @param wantsSession whether the connection should survive the loss of its link. If the link may improve, there is a
   * session in any case.
   */
  propose(link: ImprovableLink, wantsSession: boolean): HelloSession | undefined {
    const session = this.#proposeLasting(link, wantsSession);
    if (link.improve === undefined) return session;
    return session === undefined
      ? { ...this.#newSession(), moves: true, brief: true }
      : { ...session, moves: true };
  }

  #proposeLasting(link: LinkKind, wantsSession: boolean): HelloSession | undefined {
    const session = this.#over(link)?.session.freeze();
    if (session !== undefined) return { ...session, resumed: false };
    const offered = this.#offers?.get(link.security.protocol);
    if (offered !== undefined) return { id: offered, receivedBytes: 0, breaks: 0, resumed: false };
    return wantsSession ? this.#newSession() : undefined;
  }

  /** The session part of this side's hello when it was dialled (10.5, 10.6). */
  respond(link: LinkKind, asked: HelloSession): HelloSession {
    const answer = this.#respond(link, asked);
    return { ...answer, ...(asked.moves && { moves: true }), ...(asked.brief && { brief: true }) };
  }

  #respond(link: LinkKind, asked: HelloSession): HelloSession {
    if (asked.beside) {
      // Otherwise the dialler refuses the answer.
      return this.#canMove(link, asked)
        ? { ...moveOf(this.#channel!.session), resumed: true }
        : this.#newSession();
    }
    const session = this.#over(link)?.session;
    if (session?.id === asked.id && session.canResumeAt(asked.receivedBytes)) {
      return { ...session.freeze(), resumed: true };
    }
    if (this.#isOffer(link, asked)) return { ...asked, breaks: 0, resumed: true };
    // The offer has a new id, because the peer keeps the old session if it does not receive this hello.
    const offer = this.#newSession();
    this.#offers ??= new Map();
    this.#offers.set(link.security.protocol, offer.id);
    return offer;
  }

  /**
   * Resumes the session if the two sides agreed to do so.
   *
   * @returns its connection, or `undefined` if a new one begins.
   * @throws NotResumed. The link has ended then.
   */
  resume(handshake: Handshake): PeerConnection | undefined {
    const { end, direction, ours, theirs } = handshake;
    const { link } = end;
    const said = direction === 'inbound' ? ours.session : theirs.session;
    if (said === undefined) return undefined;
    const channel = this.#over(link);
    const isThere = channel?.session.id === said.id;
    if (!isThere && (!said.resumed || this.#isOffer(link, said))) return undefined;
    try {
      // A session that exists although it was not to be resumed has meanwhile begun over a later link.
      if (!isThere || !said.resumed) throw new NotResumed();
      if (said.beside) channel.moveTo(handshake);
      else channel.resumeOver(handshake);
      return this.#connection;
    } catch (cause) {
      link.destroy();
      throw cause instanceof NotResumed ? cause : new NotResumed({ cause });
    }
  }

  /**
   * Keeps a new connection for as long as its session lasts, if it has one.
   *
   * @param lost called whenever its link is lost.
   * @param ended called when the session is over.
   */
  keep(
    connection: PeerConnection,
    channel: FrameChannel,
    { lost, ended }: { lost: (channel: SessionChannel) => void; ended: () => void },
  ): void {
    this.#offers?.delete(channel.remote.security.protocol);
    if (this.#offers?.size === 0) this.#offers = undefined;
    if (!hasSession(channel)) return;
    this.#channel = channel;
    this.#connection = connection;
    channel.session.onLost = () => lost(channel);
    void channel.session.closed.then(() => {
      if (this.#channel !== channel) return;
      this.#channel = this.#connection = undefined;
      ended();
    });
  }

  #canMove(link: LinkKind, { id }: HelloSession): boolean {
    const session = this.#over(link)?.session;
    return session?.id === id && session.isAbleToMove;
  }

  /** The channel that can resume over a link. An encrypted session does not resume over a link without encryption. */
  #over({ security }: LinkKind): SessionChannel | undefined {
    return this.#channel?.session.security.protocol === security.protocol ? this.#channel : undefined;
  }

  /** Whether this is an offered session. Nothing was sent in it yet, so the peer must not have received anything. */
  #isOffer(link: LinkKind, { id, receivedBytes }: HelloSession): boolean {
    return receivedBytes === 0 && this.#offers?.get(link.security.protocol) === id;
  }

  #newSession(): HelloSession {
    return { id: randomName(this.#runtime, 'session'), receivedBytes: 0, breaks: 0, resumed: false };
  }
}

/** The part of the hello about a move that is the same for both sides. */
function moveOf({ id, heardBytes, breaks }: Session): HelloSession {
  return { id, receivedBytes: heardBytes, breaks, resumed: false, moves: true, beside: true };
}

function hasSession(channel: FrameChannel): channel is SessionChannel {
  return channel.session !== undefined;
}
