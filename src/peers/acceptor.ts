import { type Address, formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Log } from '../base/debug.ts';
import { PeerloomError } from '../base/errors.ts';
import { ThrownByUser } from '../base/thrown-by-user.ts';
import { HandshakeRefused } from '../channel/handshake-refused.ts';
import { LinkEnd } from '../channel/link-end.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { limitedSource } from '../transport/address-limits.ts';
import type { Link } from '../transport/transport.ts';
import { type Goodbye, type GoodbyeCode, goodbye } from '../wire/frames/goodbye.ts';
import type { Admission } from './admission.ts';
import { checkClaim } from './claimed-id.ts';
import type { LinkOpener } from './link-opener.ts';
import type { Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';
import { NotResumed } from './peer-session.ts';
import type { Peers } from './peers.ts';
import { refusalError } from './refusal-error.ts';

/** Handshakes that end with these codes are normal between nodes, so they are not reported to the user. */
const silentRefusals: ReadonlySet<GoodbyeCode> = new Set(['duplicate', 'neighbour', 'probe']);

export interface AcceptorOptions {
  readonly identity: NodeIdentity;
  readonly peers: Peers;
  readonly admission: Admission;
  readonly opener: LinkOpener;
  readonly log: Log;
  /** The user's `authorize` threw. */
  readonly onUserError: (error: unknown, direction: 'inbound') => void;
  /** The handshake of an inbound link failed, or this node refused the peer. */
  readonly onFailure: (from: Address, error: PeerloomError) => void;
}

/** Turns the links that other nodes dialled into connections. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #stopping = new AbortController();

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  accept(link: Link): void {
    const { peers, admission, log } = this.#options;
    const source = limitedSource(link.limitsByAddress, link.remoteAddress.host, link.remoteId);
    const refusal = admission.reserve(link, source);
    const peer = peers.of(link.remoteId);
    peer.arriving = [...peer.arriving, link];
    const end = new LinkEnd(link);
    end.onGone = () => {
      admission.release(link);
      this.#hasArrived(peer, link);
      peers.release(peer);
    };
    const { security } = link;
    const onAccept = (): void => peer.accepted.begin(outcome, security);
    const outcome = this.#answer(peer, end, { refusal, onAccept }).catch((error: unknown) => {
      log(`${formatAddress(link.remoteAddress)}: the inbound connection failed: ${messageOf(error)}`);
      this.#report(peer, link, error);
      return undefined;
    });
    // A second link of a Python node is refused. It must not hide that the first link is about to become a connection.
    const isSecond = !security.authenticated && peer.answering.outcome(security) !== undefined;
    if (!isSecond) peer.answering.begin(outcome, security);
  }

  /** Refuses the peers whose handshakes are under way. Resolves when their links have ended. */
  async stop(): Promise<void> {
    this.#stopping.abort(new HandshakeRefused(goodbye('stopped'), 'us'));
    const links = [...this.#options.peers].flatMap(({ arriving }) => arriving);
    await Promise.all(links.map(({ closed }) => closed));
  }

  async #answer(
    peer: Peer,
    end: LinkEnd,
    { refusal, onAccept }: { readonly refusal: Goodbye | undefined; readonly onAccept: () => void },
  ): Promise<PeerConnection> {
    const { link } = end;
    const { peers, opener } = this.#options;
    if (refusal === undefined) checkClaim(peers, peer, link, 'inbound');
    // The link may end before everything that arrived over it is handled.
    peer.handshakes += 1;
    try {
      const signal = this.#stopping.signal;
      const connection = await opener.open(peer, end, { direction: 'inbound', refusal, signal, onAccept });
      this.#hasArrived(peer, link);
      return connection;
    } finally {
      peer.handshakes -= 1;
      peers.release(peer);
    }
  }

  #hasArrived(peer: Peer, link: Link): void {
    peer.arriving = peer.arriving.filter((other) => other !== link);
  }

  /**
   * Reports why an inbound link did not become a connection. It reports nothing if this is normal between two nodes:
   * the link is a duplicate, its dialler gave it up, or a broken session begins anew.
   */
  #report(peer: Peer, link: Link, error: unknown): void {
    const { onUserError, onFailure } = this.#options;
    const { remoteAddress } = link;
    if (error instanceof HandshakeRefused) {
      if (silentRefusals.has(error.goodbye.code)) return;
      const refusal = refusalError(error, formatAddress(remoteAddress));
      this.#remember(link, refusal);
      onFailure(remoteAddress, refusal);
      return;
    }
    if (!(error instanceof PeerloomError)) {
      this.#remember(link, error instanceof ThrownByUser ? error.thrown : error);
      onUserError(error instanceof ThrownByUser ? error.thrown : error, 'inbound');
      return;
    }
    const isGivenUp = error.code === 'ERR_CONNECTION_CLOSED' && this.#hasAnother(peer, link);
    if (isGivenUp || error instanceof NotResumed) return;
    this.#remember(link, error);
    onFailure(remoteAddress, error);
  }

  /** Remembers the failure, unless the id is unproven: such an id says nothing about the node that has it. */
  #remember({ security, remoteId, remoteAddress }: Link, error: unknown): void {
    if (security.authenticated) this.#options.peers.failures.handshakeFailed(remoteId, remoteAddress, error);
  }

  /** Whether this node has, or is about to have, another link with the same node, or the link leads to itself. */
  #hasAnother(peer: Peer, link: Link): boolean {
    if (peer.id === this.#options.identity.id || peer.state === 'connected') return true;
    if (peer.dialling.outcome(link.security) !== undefined) return true;
    return peer.arriving.some((other) => other !== link);
  }
}
