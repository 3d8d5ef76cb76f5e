import type { ConnectOptions } from '../api/connect-options.ts';
import type { Dispatcher } from '../api/dispatcher.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import { type Address, formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import { attempt } from '../base/attempt.ts';
import type { BackoffTimers } from '../base/backoff-timers.ts';
import type { Log } from '../base/debug.ts';
import { isPeerloomError, PeerloomError } from '../base/errors.ts';
import type { Meter } from '../base/meter.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import { ThrownByUser } from '../base/thrown-by-user.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import { HandshakeRefused } from '../channel/handshake-refused.ts';
import { LinkEnd } from '../channel/link-end.ts';
import { refusePacketLink } from '../p2pnetwork/packet-handshake.ts';
import { dialLink } from '../transport/own-transport.ts';
import type { ExpectedPeer, Link } from '../transport/transport.ts';
import { FrameKind, smallFrame } from '../wire/frames/frame.ts';
import { encodeGoodbye, goodbye } from '../wire/frames/goodbye.ts';
import type { MembershipWord } from '../wire/frames/hello.ts';
import { checkClaim } from './claimed-id.ts';
import { dialUntilUp } from './dial-until-up.ts';
import { checkId, expectedPeer } from './expected-id.ts';
import { Holder } from './holder.ts';
import type { LinkOpener } from './link-opener.ts';
import type { Mover } from './mover.ts';
import type { NeighbourGate } from './neighbour-gate.ts';
import { NeighbourRefused } from './neighbour-refused.ts';
import { outrankedMessage, type Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';
import { NotResumed } from './peer-session.ts';
import type { Peers } from './peers.ts';
import type { Reconnector } from './reconnector.ts';
import { refusalError } from './refusal-error.ts';
import type { Transports } from './transports.ts';

export interface ConnectorOptions {
  readonly options: ResolvedOptions;
  readonly transports: Transports;
  readonly peers: Peers;
  readonly opener: LinkOpener;
  readonly reconnector: Reconnector;
  /** Timers for the waits between attempts. */
  readonly timers: BackoffTimers;
  readonly dispatcher: Dispatcher;
  readonly meter: Meter;
  /** `undefined` if the user chooses the neighbours. */
  readonly neighbours: NeighbourGate | undefined;
  /** At once, or later where a page loads it. */
  readonly loadMover: () => MoverPart | Promise<MoverPart>;
  readonly log: Log;
  /** An attempt to connect failed. Resolve with false to give up. */
  readonly onFailure: (address: string, attempts: number, error: unknown) => Promise<boolean>;
  /** A dial of `address` led to a connection with the node `id`, which has proven its id. */
  readonly onReached: (address: Address, id: string) => void;
  /** Aborted, with the reason, once the node stops. */
  readonly stopping: AbortSignal;
}

type MoverPart = typeof import('./mover.ts');

/** The target of a dial, and the node that is expected there. */
interface Target {
  readonly address: Address;
  readonly signal: AbortSignal;
  readonly options: DialOptions;
  /** The id of the node that answered last, which has proven it. */
  answeredBy: string | undefined;
}

interface DialOptions extends ConnectOptions {
  /** The id of the peer that answered there last. */
  readonly lastId?: string;
  /** What this side asks for. If set, the node wants the connection, not the user. */
  readonly membership?: MembershipWord;
  /** The first holder of a new connection, if `membership` does not imply it. */
  readonly holder?: Holder;
}

/** How long a second link may take to end, in milliseconds. */
const duplicateFlushMs = 1_000;

/** Connects with other nodes, or returns existing connections. */
export class Connector {
  readonly #context: ConnectorOptions;
  /** Created for the first link that may improve. */
  #mover: Mover | undefined;

  constructor(context: ConnectorOptions) {
    this.#context = context;
  }

  /**
   * Connects with an address, and keeps it connected if the options say so. @throws PeerloomError; the error is
   * reported.
   */
  connect(address: Address, options: ConnectOptions): Promise<NodeConnection> {
    const text = formatAddress(address);
    return this.reporting(text, () =>
      options.retry
        ? this.untilUp(text, options, () => this.reach(address, options))
        : this.reach(address, options),
    );
  }

  /** Calls `connect`, and reports its failure to the user. @throws what `connect` throws. */
  async reporting(what: string, connect: () => Promise<NodeConnection>): Promise<NodeConnection> {
    const { dispatcher, log } = this.#context;
    try {
      return await connect();
    } catch (error) {
      log(`no connection with ${what}: ${messageOf(error)}`);
      if (isPeerloomError(error)) dispatcher.emit('connection_error', what, error, 'outbound');
      throw error;
    }
  }

  /** Connects with an address, and keeps it connected if the options say so. A failure is not reported to the user. */
  async reach(address: Address, options: ConnectOptions = {}): Promise<NodeConnection> {
    const { reconnector, peers } = this.#context;
    const connected = await this.#dial(address, options);
    const { channel, connection } = connected;
    if (options.reconnect) {
      reconnector.watch(connected, formatAddress(address), (lastId, signal) =>
        this.#dial(address, { ...options, signal, lastId }),
      );
      const peer = peers.find(connection.id);
      if (peer !== undefined && (!channel.isOpen || channel.isSuspended)) reconnector.onLost(peer);
    }
    this.#holdForUser(connected);
    return connection;
  }

  /**
   * Connects with a node for the overlay. Failures are not reported to the user.
   *
   * @returns the connection. If it existed before, nothing was asked of the other node.
   * @throws NeighbourRefused if the node was reached but refuses what is asked for; PeerloomError.
   */
  connectNeighbour(
    address: Address,
    options: { readonly id?: string; readonly membership: MembershipWord; readonly holder?: Holder },
  ): Promise<PeerConnection> {
    return this.#dial(address, options);
  }

  /**
   * Finds out whether a node can be dialled at an address. The node is told that this is only a probe.
   *
   * @throws PeerloomError if nobody answers, or if another node does.
   */
  async probe(address: Address, id: string): Promise<void> {
    const { transports, options: own, stopping } = this.#context;
    await transports.whenListening();
    stopping.throwIfAborted();
    const { limits, runtime } = own;
    const what = `probing ${formatAddress(address)}`;
    await attempt({ what, timeoutMs: limits.dialTimeoutMs, runtime, stopping }, async (signal) => {
      const expected: ExpectedPeer = { id, isPinned: true };
      const link = await dialLink(transports.of(address), { address, signal, expected });
      checkId(link, address, id, own.identity.id);
      if (link.speaks !== 'packets')
        link.send(smallFrame(FrameKind.goodbye, encodeGoodbye(goodbye('probe'))));
      link.close(duplicateFlushMs);
    });
  }

  #holdForUser({ connection }: PeerConnection): void {
    const { peers, neighbours } = this.#context;
    const peer = peers.find(connection.id);
    if (peer?.connection?.connection !== connection || peer.isHeldBy(Holder.user)) return;
    peer.hold(Holder.user);
    neighbours?.held(peer.id);
  }

  /** Tries to connect until it succeeds, as the option `retry` says. */
  untilUp(
    what: string,
    { signal: given }: ConnectOptions,
    connect: () => Promise<NodeConnection>,
  ): Promise<NodeConnection> {
    const { options: own, stopping, onFailure } = this.#context;
    const { reconnect: policy, runtime } = own;
    const timeoutMs = Number.POSITIVE_INFINITY;
    return attempt(
      { what: `connecting with ${what}`, timeoutMs, runtime, stopping, signal: given },
      (signal) =>
        dialUntilUp(connect, {
          policy,
          runtime,
          timers: this.#context.timers,
          signal,
          onFailure: (attempts, error) => onFailure(what, attempts, error),
        }),
    );
  }

  async #dial(address: Address, options: DialOptions): Promise<PeerConnection> {
    const { transports, options: own, stopping, peers, meter, log, onReached } = this.#context;
    await transports.whenListening();
    stopping.throwIfAborted();
    const { limits, runtime } = own;
    const text = formatAddress(address);
    const timeoutMs = options.timeoutMs ?? limits.dialTimeoutMs;
    log(`connecting with ${text}`);
    const key = transports.keyOf(address);
    let target: Target | undefined;
    try {
      const reached = await attempt(
        { what: `connecting with ${text}`, timeoutMs, runtime, stopping, signal: options.signal },
        (signal) => {
          target = { address, signal, options, answeredBy: undefined };
          return this.#reach(target, false);
        },
      );
      peers.failures.dialled(key);
      if (reached.security.authenticated) onReached(address, reached.connection.id);
      return reached;
    } catch (error) {
      meter.handshakes.outbound.failed.add(error);
      peers.failures.dialFailed(key, options.id ?? target?.answeredBy ?? options.lastId, error);
      throw error;
    }
  }

  /** @param replace true if this node has no connection with the peer, although the peer still has one. */
  async #reach(target: Target, replace: boolean): Promise<PeerConnection> {
    const { transports, peers, options: own } = this.#context;
    const { address, signal, options } = target;
    const transport = transports.of(address);
    const link = await dialLink(transport, { address, signal, expected: expectedPeer(options) });
    if (link.security.authenticated) target.answeredBy = link.remoteId;
    checkId(link, address, options.id, own.identity.id);
    const peer = peers.of(link.remoteId);
    checkClaim(peers, peer, link, 'outbound');
    const found = peer.decideDial(link, replace);
    if (found.is === 'free') {
      const opening = this.#open(peer, link, target, found.replace);
      peer.dialling.begin(opening, link.security);
      return opening;
    }
    if (link.speaks === 'packets' && found.is !== 'outranked')
      refusePacketLink(link, 'outbound', goodbye('duplicate'));
    // Closed in order, because the listener would report a link that breaks off as a failure.
    else link.close(duplicateFlushMs);
    if (found.is === 'there') return found.connection;
    if (found.is === 'under way') return this.#join(found.outcome, target);
    throw new PeerloomError('ERR_NOT_ALLOWED', `${formatAddress(address)}: ${outrankedMessage}`);
  }

  /** Waits for a handshake that is under way. If it fails, this caller makes its own attempt. */
  async #join(underWay: Promise<PeerConnection | undefined>, target: Target): Promise<PeerConnection> {
    const connection = await unlessAborted(underWay, target.signal).catch(() => undefined);
    if (connection !== undefined) return connection;
    target.signal.throwIfAborted();
    return this.#reach(target, false);
  }

  #improve(peer: Peer, link: Link): void {
    const { options, opener, peers, loadMover, log, stopping } = this.#context;
    if (link.improve === undefined) return;
    const begin = ({ Mover: Made }: MoverPart): void => {
      this.#mover ??= new Made({ opener, peers, runtime: options.runtime, log, stopping });
      this.#mover.begin(peer, link);
    };
    const part = loadMover();
    if (!(part instanceof Promise)) begin(part);
    else part.then(begin, (error) => log(`no better link is looked for: ${messageOf(error)}`));
  }

  async #open(peer: Peer, link: Link, target: Target, replace: boolean): Promise<PeerConnection> {
    const { peers, opener } = this.#context;
    const { address, signal, options } = target;
    const onAbort = (): void => link.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    peer.handshakes += 1;
    try {
      const wantsSession = options.reconnect === true;
      const connection = await opener.open(peer, new LinkEnd(link), {
        direction: 'outbound',
        replace,
        wantsSession,
        membership: options.membership,
        holder: options.holder,
        dialled: address,
      });
      if (link.improve !== undefined) this.#improve(peer, link);
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NotResumed || isDuplicate(error)) {
        const other = await otherConnection(peer, link, signal);
        if (other !== undefined) return other;
        if (!replace) return await this.#reach(target, true);
      }
      if (error instanceof ThrownByUser) throw error.thrown;
      if (error instanceof HandshakeRefused && error.goodbye.code === 'neighbour') {
        throw new NeighbourRefused(formatAddress(address), error.message);
      }
      throw error instanceof HandshakeRefused ? refusalError(error, formatAddress(address)) : error;
    } finally {
      removeAbortListener(signal, onAbort);
      peer.handshakes -= 1;
      peers.release(peer);
    }
  }
}

/** The connection that the peer may mean: one that exists on this side too, or one that is just coming up. */
async function otherConnection(
  peer: Peer,
  { security }: Link,
  signal: AbortSignal,
): Promise<PeerConnection | undefined> {
  const answering = Promise.resolve(peer.answering.outcome(security));
  return peer.connected(security) ?? unlessAborted(answering, signal);
}

function isDuplicate(error: unknown): boolean {
  return error instanceof HandshakeRefused && error.goodbye.code === 'duplicate';
}
