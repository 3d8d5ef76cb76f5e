import { isLoopback, sourceOf } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { randomName } from '../base/random-name.ts';
import type { Runtime } from '../base/runtime.ts';
import type { FrameChannel } from '../channel/frame-channel.ts';
import type { Handshake } from '../channel/handshake.ts';
import type { Session } from '../channel/session/session.ts';
import type { Link } from '../transport/transport.ts';
import type { HelloSession } from '../wire/frames/hello.ts';

type DurableChannel = FrameChannel & { readonly session: Session };

/** A session ended, or went on over another link, while the two sides agreed to go on with it. */
export class NotResumed extends PeerloomError {
  constructor(options?: ErrorOptions) {
    super(
      'ERR_CONNECTION_CLOSED',
      'the session ended while the two sides resumed it: connect again',
      options,
    );
  }
}

export interface DurableChannelsOptions {
  /** 0: without a limit. */
  readonly maxConnections: number;
  readonly limits: Pick<Limits, 'maxInboundPerAddress'>;
  readonly runtime: Runtime;
}

/** Past so many the oldest goes. */
const maxOffers = 1_000;

/** The channels that outlive their links, one for each other node, and what is said of them in handshakes. */
export class DurableChannels {
  readonly #options: DurableChannelsOptions;
  readonly #channels = new Map<string, DurableChannel>();
  /**
   * The ids of sessions that this side has named and that begin for it with the accept of the other, by protocol and
   * node. Where the accept does not arrive, the session may have begun there, and goes on here.
   */
  readonly #offers = new Map<string, string>();

  constructor(options: DurableChannelsOptions) {
    this.#options = options;
  }

  /** Whether there is a channel that may go on over this link. */
  hasOver(link: Link): boolean {
    return this.#over(link) !== undefined;
  }

  /** Whether a node asks for the session that is there, or on offer. */
  isOf(link: Link, session: HelloSession | undefined): boolean {
    if (session === undefined) return false;
    return session.id === this.#over(link)?.session.id || this.#isOffered(link, session);
  }

  /** Whether a node asks for a position at which it was before it went on over another link. */
  isLate(link: Link, asked: HelloSession | undefined): boolean {
    const session = this.#over(link)?.session;
    return asked !== undefined && session?.id === asked.id && session.isPast(asked.receivedBytes);
  }

  /** What the side that dials asks for: the session that is there, or a new one. */
  ask(link: Link, isDurable: boolean): HelloSession | undefined {
    const session = this.#over(link)?.session.freeze();
    if (session !== undefined) return { ...session, resumed: false };
    const offered = this.#offers.get(offerKey(link));
    if (offered !== undefined) return { id: offered, receivedBytes: 0, breaks: 0, resumed: false };
    return isDurable ? this.#newSession() : undefined;
  }

  /** What the side that accepts says to that. */
  answer(link: Link, asked: HelloSession): HelloSession {
    const session = this.#over(link)?.session;
    if (session?.id === asked.id && session.canResumeAt(asked.receivedBytes)) {
      return { ...session.freeze(), resumed: true };
    }
    if (this.#isOffered(link, asked)) return { ...asked, breaks: 0, resumed: true };
    // A name of its own: the other side may hold on to the old one when it does not get to hear this.
    return this.#offer(link);
  }

  /**
   * The channel that the two sides agreed to go on with, if it is one.
   *
   * @throws NotResumed; the link has ended then.
   */
  goOn(handshake: Handshake): FrameChannel | undefined {
    const { link, direction, ours, theirs } = handshake;
    const said = direction === 'inbound' ? ours.session : theirs.session;
    if (said === undefined) return undefined;
    const channel = this.#over(link);
    const isThere = channel?.session.id === said.id;
    if (!isThere && (!said.resumed || this.#isOffered(link, said))) return undefined;
    try {
      // Not resumed, and there: it has begun meanwhile, over a later link.
      if (!isThere || !said.resumed) throw new NotResumed();
      channel.resumeOver(handshake);
      return channel;
    } catch (cause) {
      link.destroy();
      throw cause instanceof NotResumed ? cause : new NotResumed({ cause });
    }
  }

  /** Keeps a new channel for as long as its session lasts, if it has one. */
  keep(channel: FrameChannel): void {
    this.#offers.delete(offerKey({ remoteId: channel.remote.id, security: channel.remote.security }));
    if (!isDurable(channel)) return;
    const { remoteId, closed } = channel.session;
    this.#channels.set(remoteId, channel);
    channel.session.onLost = () => this.#limitWaiting(channel);
    void closed.then(() => {
      if (this.#channels.get(remoteId) === channel) this.#channels.delete(remoteId);
    });
  }

  /** The channel that may go on over a link: what was said under encryption does not go on without it. */
  #over({ remoteId, security }: Link): DurableChannel | undefined {
    const channel = this.#channels.get(remoteId);
    return channel?.session.security.protocol === security.protocol ? channel : undefined;
  }

  /**
   * As many others may have gone and be waited for as may be here, and as many of one address. Past that the one that
   * was heard least goes, the latest of several: whoever begins sessions and leaves them pushes out no one but itself.
   */
  #limitWaiting(last: DurableChannel): void {
    const { maxConnections, limits } = this.#options;
    const waiting = [...this.#channels.values()].filter(
      ({ isSuspended, direction }) => isSuspended && direction === 'inbound',
    );
    const source = sourceOfPeer(last);
    const ofSource = source === undefined ? [] : waiting.filter((one) => sourceOfPeer(one) === source);
    if (isPast(ofSource.length, limits.maxInboundPerAddress)) giveUpOne(ofSource);
    else if (isPast(waiting.length, maxConnections)) giveUpOne(waiting);
  }

  #offer(link: Link): HelloSession {
    const session = this.#newSession();
    const key = offerKey(link);
    // The latest stands last.
    this.#offers.delete(key);
    this.#offers.set(key, session.id);
    for (const oldest of this.#offers.keys()) {
      if (this.#offers.size <= maxOffers) break;
      this.#offers.delete(oldest);
    }
    return session;
  }

  /** This side has said nothing in it yet, so that nobody has heard any of it. */
  #isOffered(link: Link, { id, receivedBytes }: HelloSession): boolean {
    return receivedBytes === 0 && this.#offers.get(offerKey(link)) === id;
  }

  #newSession(): HelloSession {
    return { id: randomName(this.#options.runtime, 'session'), receivedBytes: 0, breaks: 0, resumed: false };
  }
}

/** A link of one kind leaves the offers over other kinds alone. */
function offerKey({ remoteId, security }: Pick<Link, 'remoteId' | 'security'>): string {
  return `${security.protocol} ${remoteId}`;
}

function isDurable(channel: FrameChannel): channel is DurableChannel {
  return channel.session !== undefined;
}

/** Where a peer comes from; nothing where that is no resource. */
function sourceOfPeer({ session }: DurableChannel): string | undefined {
  const { host } = session.remoteAddress;
  return session.limitsByAddress && !isLoopback(host) ? sourceOf(host) : undefined;
}

/** @param limit 0: without a limit. */
function isPast(count: number, limit: number): boolean {
  return limit > 0 && count > limit;
}

function giveUpOne(waiting: readonly DurableChannel[]): void {
  const least = waiting.reduce((one, next) =>
    next.session.heardBytes <= one.session.heardBytes ? next : one,
  );
  least.giveUp('too many sessions are suspended (maxConnections, limits.maxInboundPerAddress)');
}
