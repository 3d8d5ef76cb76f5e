import type { Runtime } from '../base/runtime.ts';
import { promisesLess, type Security } from '../transport/security.ts';
import type { Link } from '../transport/transport.ts';
import type { Hello } from '../wire/frames/hello.ts';
import type { Holder } from './holder.ts';
import type { PeerConnection } from './peer-connection.ts';
import { PeerSession } from './peer-session.ts';
import { RivalRuns } from './rival-runs.ts';

/*
 * The connection with a peer (docs/protocol.md, sections 8 and 10):
 *
 *                       adopt                          link breaks (10.8)
 *   ┌────────┐ ───────────────────────► ┌───────────┐ ─────────────────────► ┌───────────┐
 *   │ absent │                          │ connected │                        │ suspended │
 *   └────────┘ ◄────────┐               └───────────┘ ◄───────────────────── └───────────┘
 *                remove │         left or │    ▲     the session resumes (10.5)    │
 *                       │          closed ▼    │ adopt                             │ given up, left
 *                       │            ┌────────────┐                                │
 *                       └─────────── │   ending   │ ◄──────────────────────────────┘
 *                                    └────────────┘
 *
 * `adopt` is possible in each state. The new connection replaces one that is connected, and ends one that is suspended.
 *
 *   state      our own dial                         a hello of the peer
 *   absent     goes ahead                           is accepted
 *   connected  returns the connection (8.1)         is refused as a duplicate (8.2)
 *   suspended  goes ahead, to resume (10.5)         is accepted, to resume or to begin anew (10.6)
 *   ending     goes ahead, with `replace` (8.5)     is accepted
 *
 * A link that promises less than a connection that is connected or suspended is refused first of all (8.8). A hello to
 * a peer that is connected is accepted all the same if the peer was restarted or lost the connection (8.3), resumes its
 * session (10.7), or comes over a link that promises more (8.8); it is refused as a conflict if two processes use one
 * identity (8.7). In each state but `connected`, while our own handshake is under way, the dial of the lower id wins
 * (8.4). A dial that reaches a peer which this side has just accepted waits for that (8.4). `prevails` decides where
 * both come up all the same (8.6).
 */

/** Where the connection with a peer stands. */
export type PeerState = 'absent' | 'connected' | 'suspended' | 'ending';

/** What to do with a handshake that a peer begins. */
export type Decision = 'accept' | 'refuse' | 'conflict';

/** What a dial finds: a connection, another dial, a safer connection that it must not replace, or a free way. */
export type DialDecision =
  | { readonly is: 'there'; readonly connection: PeerConnection }
  | { readonly is: 'under way'; readonly outcome: Promise<PeerConnection | undefined> }
  | { readonly is: 'outranked' }
  | { readonly is: 'free'; readonly replace: boolean };

/** The goodbye to a peer that must not replace a safer connection. */
export const outrankedMessage =
  'the two nodes are already connected over a safer link, which this link must not replace: dial with the same scheme as before, or disconnect first';

/** The fields of a hello that decide which connection remains. */
export type Asked = Pick<Hello, 'instance' | 'replace' | 'session'>;

/** A connection that has just come up. */
export interface Fresh {
  readonly instance: string;
  readonly direction: 'inbound' | 'outbound';
  readonly security: Security;
}

/** A claim of an unproven id. The id belongs to one address for as long as a link from there lasts. */
export interface Claim {
  /** The address of the node that claims the id. */
  readonly place: string;
  readonly links: Set<Link>;
}

const noLinks: readonly Link[] = [];

/** The latest handshake of one direction while it is under way, unless an earlier one promises more. */
export class Underway<Outcome> {
  #outcome: Promise<Outcome> | undefined;
  #security: Security | undefined;

  /** The security of its link. `undefined` if no handshake is under way. */
  get security(): Security | undefined {
    return this.#security;
  }

  /** The outcome of the handshake, if its link promises at least this security. */
  outcome(least: Security): Promise<Outcome> | undefined {
    return this.#security === undefined || promisesLess(this.#security, least) ? undefined : this.#outcome;
  }

  begin(outcome: Promise<Outcome>, security: Security): void {
    if (this.#security !== undefined && promisesLess(security, this.#security)) return;
    this.#outcome = outcome;
    this.#security = security;
    const end = (): void => {
      if (this.#outcome === outcome) this.#outcome = this.#security = undefined;
    };
    outcome.then(end, end);
  }
}

/** Everything that this node knows of one other node. */
export class Peer {
  readonly id: string;
  /** The session with it, and what the handshakes say of sessions. */
  readonly session: PeerSession;
  /** This side's handshake with the peer. */
  readonly dialling = new Underway<PeerConnection>();
  /** The peer's handshake with this side. */
  readonly answering = new Underway<PeerConnection | undefined>();
  /** The same, once this side has accepted. It becomes a connection unless the peer is gone or refuses. */
  readonly accepted = new Underway<PeerConnection | undefined>();
  /** Links from it that are not connections yet. */
  arriving: readonly Link[] = noLinks;
  /** How many handshakes with it are under way, of both directions. */
  handshakes = 0;
  /** How many addresses, at which this peer answered last, the node keeps connected. */
  watches = 0;
  /** Whether only remembered facts are left of the peer. Used by {@link Peers}. */
  isRemembered = false;
  /** The claim of its id, if the id is unproven. */
  claim: Claim | undefined;
  readonly #ownId: string;
  /** The holders of the connection as a sum of {@link Holder}s, which takes almost no memory. */
  #holders = 0;
  #connection: PeerConnection | undefined;
  #rivals: RivalRuns | undefined;

  constructor(id: string, ownId: string, runtime: Runtime) {
    this.id = id;
    this.#ownId = ownId;
    this.session = new PeerSession(runtime);
  }

  get state(): PeerState {
    if (this.#connection === undefined) return 'absent';
    const { channel, isLeaving } = this.#connection;
    if (isLeaving || !channel.isOpen) return 'ending';
    return channel.isSuspended ? 'suspended' : 'connected';
  }

  /** The latest connection, until its last event has fired. */
  get connection(): PeerConnection | undefined {
    return this.#connection;
  }

  /** The connection, if it is up and promises enough. */
  connected(least?: Security): PeerConnection | undefined {
    if (this.state !== 'connected') return undefined;
    const connection = this.#connection!;
    const isLess = least !== undefined && promisesLess(connection.security, least);
    return isLess ? undefined : connection;
  }

  /** Whether there is a connection, perhaps suspended, that promises more than such a link. */
  outranks(security: Security): boolean {
    const { state } = this;
    const isKept = state === 'connected' || state === 'suspended';
    return isKept && promisesLess(security, this.#connection!.security);
  }

  /** @returns the connection that it replaces. */
  adopt(connection: PeerConnection): PeerConnection | undefined {
    const older = this.#connection;
    if (this.state === 'connected' && older!.instance !== connection.instance) {
      this.#rivals ??= new RivalRuns();
      this.#rivals.replaced(older!.instance);
    }
    this.#connection = connection;
    return older;
  }

  /** Forgets a connection whose last event has fired. */
  remove(connection: PeerConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#holders = 0;
  }

  /** Keeps the connection open. */
  hold(holder: Holder): void {
    this.#holders |= holder;
  }

  isHeldBy(holder: Holder): boolean {
    return (this.#holders & holder) !== 0;
  }

  /** @returns whether nothing holds the connection any more. */
  release(holder: Holder): boolean {
    this.#holders &= ~holder;
    return this.#holders === 0;
  }

  /**
   * Decides about a link of this side that leads to the peer.
   *
   * @param replace true if the peer has refused a link as a duplicate although this side has no connection (8.5).
   */
  decideDial(link: Pick<Link, 'security'>, replace: boolean): DialDecision {
    const { security } = link;
    const isOutranked = this.outranks(security);
    if (!replace || isOutranked) {
      const connection = this.connected(security);
      if (connection !== undefined) return { is: 'there', connection };
      const outcome = this.dialling.outcome(security) ?? this.accepted.outcome(security);
      if (outcome !== undefined) return { is: 'under way', outcome };
    }
    if (isOutranked) return { is: 'outranked' };
    const isAlone = this.state === 'absent' || this.session.canUse(link);
    return { is: 'free', replace: replace || !isAlone };
  }

  /** Decides about the hello of a peer that dialled. */
  decide(link: Pick<Link, 'security'>, { instance, replace, session }: Asked): Decision {
    const { security } = link;
    if (this.outranks(security)) return 'refuse';
    const isSameRun = this.#connection?.instance === instance;
    const isHere = this.state === 'connected';
    if (isHere && !isSameRun && this.#rivals?.wasReplaced(instance)) return 'conflict';
    const resumes = this.session.resumesWith(link, session);
    if (resumes === 'late') return 'refuse';
    if (replace) return 'accept';
    if (!resumes && this.connected(security) !== undefined) return isSameRun ? 'refuse' : 'accept';
    const dialling = this.dialling.security;
    if (dialling === undefined || promisesLess(dialling, security)) return 'accept';
    return this.#ownId < this.id || promisesLess(security, dialling) ? 'refuse' : 'accept';
  }

  /** After a conflict: the connection of the other run, unless that run was already told. */
  rivalToTell(): PeerConnection | undefined {
    const connection = this.connected();
    return connection !== undefined && this.#rivals?.tell(connection.instance) ? connection : undefined;
  }

  /**
   * Decides at the end of a handshake whether the existing connection stays in place of the new one. It does so if it
   * promises more. It also does so if it came up during the handshake (it is not `before`), with the same run of the
   * peer, and the lower id dialled it.
   */
  prevails(before: PeerConnection | undefined, fresh: Fresh): boolean {
    if (this.outranks(fresh.security)) return true;
    const other = this.connected(fresh.security);
    if (other === undefined || other === before || other.direction === fresh.direction) return false;
    const isByLower = (other.direction === 'outbound') === this.#ownId < this.id;
    return isByLower && other.instance === fresh.instance;
  }

  /** Whether there is nothing under way with the peer, and no connection. */
  get isIdle(): boolean {
    const isUnderway = this.handshakes > 0 || this.arriving.length > 0 || this.claim !== undefined;
    const isThere = this.#connection !== undefined || this.session.channel !== undefined;
    return !isUnderway && !isThere && this.watches === 0;
  }

  /** Whether something is known of the peer that matters when it returns. */
  get isWorthRemembering(): boolean {
    return this.#rivals !== undefined || this.session.isOffered;
  }
}
