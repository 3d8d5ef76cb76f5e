import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import { type Address, formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Log } from '../base/debug.ts';
import { PeerloomError } from '../base/errors.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import { ThrownByUser } from '../base/thrown-by-user.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import type { Channel, SpokenProtocol } from '../channel/channel.ts';
import { FrameChannel } from '../channel/frame-channel.ts';
import { HandshakeRefused } from '../channel/handshake.ts';
import { refusePacketLink } from '../p2pnetwork/packet-channel.ts';
import { dialLink } from '../transport/own-transport.ts';
import type { ExpectedPeer, Link, Transport } from '../transport/transport.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import { Admission } from './admission.ts';
import { ClaimedIds } from './claimed-ids.ts';
import { DurableChannels, NotResumed } from './durable-channels.ts';
import { Handshakes } from './handshakes.ts';
import { outrankedMessage, PeerTable } from './peer-table.ts';
import { refusalError } from './refusal-error.ts';

/** A conversation that may begin. */
export interface NewChannel {
  readonly link: Link;
  readonly channel: Channel;
  /** Outbound: as dialled. Inbound: where the link came from, and where the other node says it listens. */
  readonly host: string;
  readonly port: number;
}

export interface PeeringOptions {
  readonly options: ResolvedOptions;
  readonly budget: MemoryBudget;
  readonly log: Log;
  /** The log of what goes over connections. */
  readonly traffic: Log;
  /** The texts of the addresses listened on. */
  readonly addresses: () => readonly string[];
  /** What the node speaks beside messages. */
  readonly protocols: readonly SpokenProtocol[];
  /** What the user gave to decide on who connects threw, or gave no answer that counts. */
  readonly onUserError: (error: unknown, direction: 'inbound' | 'outbound') => void;
  /** The handshake of an inbound link failed, or this node refused the peer. */
  readonly onInboundFailure: (from: Address, error: PeerloomError) => void;
  /** Makes a connection of a channel and tells the user of it. */
  readonly adopt: (channel: NewChannel) => NodeConnection;
  /** Another process uses the identity of the node behind this connection, which has to hear of it. */
  readonly onConflict: (connection: NodeConnection) => void;
}

/** Where a dial goes, and what it must find there. */
interface Target {
  readonly transport: Transport;
  readonly address: Address;
  readonly signal: AbortSignal;
  readonly id: string | undefined;
  /** Who answered there before. */
  readonly lastId: string | undefined;
  /** The connection is to outlive its link. */
  readonly isDurable: boolean;
}

/** How long the end of a second link may take. */
const duplicateFlushMs = 1_000;

/** Turns links into connections, in both directions, one for each pair of nodes. */
export class Peering {
  readonly peers: PeerTable;
  readonly #options: ResolvedOptions;
  readonly #setup: PeeringOptions;
  readonly #admission: Admission;
  readonly #durable: DurableChannels;
  readonly #handshakes: Handshakes;
  readonly #claimedIds = new ClaimedIds();
  /** Links that came in and are no connections yet. */
  readonly #arriving = new Set<Link>();
  readonly #stopping = new AbortController();
  readonly #connections = new WeakMap<Channel, NodeConnection>();

  constructor(setup: PeeringOptions) {
    const { options } = setup;
    this.#setup = setup;
    this.#options = options;
    this.#admission = new Admission(options, setup.onUserError);
    this.peers = new PeerTable(options.identity.id);
    this.#durable = new DurableChannels(options);
    this.#handshakes = new Handshakes({
      options,
      budget: setup.budget,
      log: setup.log,
      traffic: setup.traffic,
      addresses: setup.addresses,
      admission: this.#admission,
      peers: this.peers,
      durable: this.#durable,
      protocols: setup.protocols,
      onConflict: setup.onConflict,
      stopping: this.#stopping.signal,
    });
  }

  /**
   * Connects with the node at an address, or finds the connection that is there.
   *
   * @throws PeerloomError, or the reason of the signal.
   */
  async dial(
    transport: Transport,
    address: Address,
    signal: AbortSignal,
    {
      id,
      lastId,
      reconnect = false,
    }: { id?: string | undefined; lastId?: string; reconnect?: boolean | undefined },
  ): Promise<NodeConnection> {
    return this.#reach({ transport, address, signal, id, lastId, isDurable: reconnect }, false);
  }

  /** Takes a link that came in. */
  accept(link: Link): void {
    const isLimited = link.limitsByAddress ?? true;
    const refusal = this.#admission.enter(link, isLimited ? link.remoteAddress.host : undefined);
    void link.closed.then(() => this.#admission.leave(link));
    this.#arriving.add(link);
    void link.closed.then(() => this.#arriving.delete(link));
    const outcome = this.#answer(link, refusal).catch((error: unknown) => {
      this.#setup.log(
        `${formatAddress(link.remoteAddress)}: the inbound connection failed: ${messageOf(error)}`,
      );
      this.#reportInbound(link, error);
      return undefined;
    });
    const { remoteId, security } = link;
    // A second link of a Python node is refused, and must not hide that the first is about to become a connection.
    const isSecond = !security.authenticated && this.peers.answering(remoteId, security) !== undefined;
    if (!isSecond) this.peers.setAnswering(remoteId, outcome, security);
  }

  /** Refuses who is about to connect; resolves when their links have ended. */
  async stop(): Promise<void> {
    this.#stopping.abort(new HandshakeRefused(goodbye('stopped'), 'us'));
    await Promise.all([...this.#arriving].map(({ closed }) => closed));
  }

  async #reach(target: Target, replace: boolean): Promise<NodeConnection> {
    const { transport, address, signal, id, lastId } = target;
    const link = await dialLink(transport, { address, signal, expected: expectedAt(id, lastId) });
    const { remoteId, security } = link;
    if (id !== undefined && id !== remoteId) {
      link.destroy();
      const message = `the node at ${formatAddress(address)} has the id ${remoteId}, not the expected ${id}: if it has a new identity on purpose, expect its new id`;
      throw new PeerloomError('ERR_ID_MISMATCH', message);
    }
    if (remoteId === this.#options.identity.id) {
      link.destroy();
      const message = `${formatAddress(address)} leads to this node itself: use the address of another node`;
      throw new PeerloomError('ERR_SELF_CONNECTION', message);
    }
    this.#claim(link, 'outbound');
    const existing = this.peers.lasting(remoteId, security);
    const dialling = this.peers.dialling(remoteId, security);
    const isOutranked = this.peers.outranks(remoteId, security);
    if ((!replace || isOutranked) && (existing ?? dialling) !== undefined) {
      if (link.speaks === 'packets') refusePacketLink(link, 'outbound', goodbye('duplicate'));
      // In an orderly way: the listener would take a link that breaks off for a failure.
      else link.close(duplicateFlushMs);
      return existing ?? this.#join(dialling!, target);
    }
    if (isOutranked) {
      link.close(duplicateFlushMs);
      throw new PeerloomError('ERR_NOT_ALLOWED', `${formatAddress(address)}: ${outrankedMessage}`);
    }
    const isAlone = this.peers.get(remoteId) === undefined || this.#durable.hasOver(link);
    const opening = this.#open(link, target, replace || !isAlone);
    this.peers.setDialling(remoteId, opening, security);
    return opening;
  }

  /** @throws PeerloomError `ERR_ID_MISMATCH` when another node claims the same id; the link has ended then. */
  #claim(link: Link, direction: 'inbound' | 'outbound'): void {
    const place = this.#claimedIds.claim(link, direction);
    if (place === undefined) return;
    const { remoteId, remoteAddress } = link;
    const message = `the node at ${formatAddress(remoteAddress)} claims the id '${remoteId}', which the node at ${place} uses: give each Python node an id of its own`;
    refusePacketLink(link, direction, goodbye('duplicate', message));
    throw new PeerloomError('ERR_ID_MISMATCH', message);
  }

  /** Waits for what another caller is doing already; should that fail, this one still has its own chance. */
  async #join(dialling: Promise<NodeConnection>, target: Target): Promise<NodeConnection> {
    try {
      return await unlessAborted(dialling, target.signal);
    } catch {
      target.signal.throwIfAborted();
      return this.#reach(target, false);
    }
  }

  async #open(link: Link, target: Target, replace: boolean): Promise<NodeConnection> {
    const { address, signal } = target;
    const before = this.peers.lasting(link.remoteId);
    const onAbort = (): void => link.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { isDurable } = target;
      const channel = await this.#handshakes.shake(link, { direction: 'outbound', replace, isDurable });
      return this.#adopt(link, channel, before, address);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NotResumed || isDuplicate(error)) {
        const other = await this.#otherConnection(link, signal);
        if (other !== undefined) return other;
        if (!replace) return this.#reach(target, true);
      }
      if (error instanceof ThrownByUser) throw error.thrown;
      throw error instanceof HandshakeRefused ? refusalError(error, formatAddress(address)) : error;
    } finally {
      removeAbortListener(signal, onAbort);
    }
  }

  /** What the other side may hold on to: a connection of ours as well, or one that comes up just now. */
  async #otherConnection(
    { remoteId, security }: Link,
    signal: AbortSignal,
  ): Promise<NodeConnection | undefined> {
    const answering = Promise.resolve(this.peers.answering(remoteId, security));
    return this.peers.lasting(remoteId, security) ?? unlessAborted(answering, signal);
  }

  async #answer(link: Link, refusal: Goodbye | undefined): Promise<NodeConnection> {
    if (refusal === undefined) this.#claim(link, 'inbound');
    const before = this.peers.lasting(link.remoteId);
    const channel = await this.#handshakes.shake(link, { direction: 'inbound', refusal });
    this.#arriving.delete(link);
    return this.#adopt(link, channel, before);
  }

  /**
   * Reports why an inbound link became no connection, unless that is how two nodes come to have one connection: the
   * second link is a duplicate, its dialler gave it up, or a broken session begins anew.
   */
  #reportInbound(link: Link, error: unknown): void {
    const { remoteAddress } = link;
    if (error instanceof HandshakeRefused) {
      if (error.goodbye.code === 'duplicate') return;
      this.#setup.onInboundFailure(remoteAddress, refusalError(error, formatAddress(remoteAddress)));
      return;
    }
    if (!(error instanceof PeerloomError)) {
      this.#setup.onUserError(error instanceof ThrownByUser ? error.thrown : error, 'inbound');
      return;
    }
    const isGivenUp = error.code === 'ERR_CONNECTION_CLOSED' && this.#hasAnother(link);
    if (!isGivenUp && !(error instanceof NotResumed)) this.#setup.onInboundFailure(remoteAddress, error);
  }

  /** Whether this node has, or is about to have, another link with the same node, or the link leads to itself. */
  #hasAnother(link: Link): boolean {
    const { remoteId, security } = link;
    if (remoteId === this.#options.identity.id) return true;
    if ((this.peers.lasting(remoteId) ?? this.peers.dialling(remoteId, security)) !== undefined) return true;
    return [...this.#arriving].some((other) => other !== link && other.remoteId === remoteId);
  }

  /** @param before the connection that was there when the handshake began. */
  #adopt(
    link: Link,
    channel: Channel,
    before: NodeConnection | undefined,
    dialled?: Address,
  ): NodeConnection {
    const resumed = this.#connections.get(channel);
    if (resumed !== undefined) return resumed;
    const { direction, remote } = channel;
    const { instance } = remote;
    const { security } = link;
    const isSecond =
      channel instanceof FrameChannel
        ? this.peers.prevails(remote.id, before, { direction, instance, security })
        : this.peers.outranks(remote.id, security);
    if (isSecond) {
      const farewell = goodbye('duplicate');
      channel.close(farewell);
      throw new HandshakeRefused(farewell, 'us');
    }
    if (channel instanceof FrameChannel) this.#durable.keep(channel);
    const origin = { host: link.remoteAddress.host, port: remote.listeningPort };
    const { host, port } = direction === 'outbound' ? dialled! : origin;
    try {
      const connection = this.#setup.adopt({ link, channel, host, port });
      this.#connections.set(channel, connection);
      return connection;
    } catch (error) {
      // The user's own createNewConnection threw: it takes nobody.
      channel.close(goodbye('refused'));
      throw error;
    }
  }
}

function expectedAt(id: string | undefined, lastId: string | undefined): ExpectedPeer | undefined {
  if (id !== undefined) return { id, isPinned: true };
  return lastId === undefined ? undefined : { id: lastId, isPinned: false };
}

function isDuplicate(error: unknown): boolean {
  return error instanceof HandshakeRefused && error.goodbye.code === 'duplicate';
}
