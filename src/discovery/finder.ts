import type { ConnectOptions } from '../api/connect-options.ts';
import type { KnownNode } from '../api/discovery.ts';
import type { Dispatcher } from '../api/dispatcher.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import type { ProtocolHost, ProtocolPeer } from '../api/protocol.ts';
import type { Address } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Log } from '../base/debug.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Membership } from '../overlay/membership/membership.ts';
import type { OverlayPart } from '../overlay/overlay.ts';
import type { Finding, Peering } from '../peers/peering.ts';
import { channelOf } from '../protocols/protocols.ts';
import type { BookEntry } from './address-book.ts';
import type { Dialler } from './dialler.ts';
import { KnownAddresses } from './known-addresses.ts';
import type { Sighting } from './looks.ts';
import type { NodeLookup } from './node-lookup.ts';
import type { RunningDiscoveries } from './running-discoveries.ts';

/** The parts that only a node with discoveries needs. */
type DiallingParts = typeof import('./dialling-parts.ts');

/** The part that a node needs only to look for others by their ids, or to answer questions about them. */
type LookupPart = typeof import('./node-lookup.ts');

/** The number of connections that a node with discovery wants to have. */
const wantedConnections = 5;

export interface FinderOptions {
  readonly options: ResolvedOptions;
  readonly dispatcher: Dispatcher;
  readonly budget: MemoryBudget;
  readonly log: Log;
  /** Returns the parts, or a promise if they have to be loaded first. */
  readonly loadDialling: () => DiallingParts | Promise<DiallingParts>;
  readonly loadLookup: () => LookupPart | Promise<LookupPart>;
  /** Returns the peering, which is created after this object. */
  readonly peering: () => Peering;
  /** Returns the membership, which is created after this object. `undefined` if the user chooses the neighbours. */
  readonly neighbours: () => Membership | undefined;
}

/** Finds nodes that this node is not connected with, and connects with them. */
export class Finder implements Finding, OverlayPart {
  readonly kinds = { first: 48, last: 63 };
  /** The addresses of other nodes that this node knows. */
  readonly known: KnownAddresses;
  readonly #options: FinderOptions;
  #host!: ProtocolHost;
  /** Created when this node or a peer first looks for a node. */
  #lookup: NodeLookup | undefined;
  /** Set if the node was started with discoveries. */
  #discoveries: RunningDiscoveries | undefined;
  #dialler: Dialler | undefined;

  constructor(options: FinderOptions) {
    const { neighbours } = options;
    this.#options = options;
    this.known = new KnownAddresses({ ...options, contacts: () => neighbours()?.contacts });
  }

  get knownNodes(): readonly KnownNode[] {
    return this.known.nodes;
  }

  /** Connects with a node by its id. @throws the errors of {@link NodeLookup.connect}. */
  async connect(id: string, options: ConnectOptions): Promise<NodeConnection> {
    const part = this.#options.loadLookup();
    return this.#lookupWith(part instanceof Promise ? await part : part).connect(id, options);
  }

  /** Asks a peer from which address it sees this node. Resolves with `undefined` if it does not answer. */
  async seenBy(connection: NodeConnection): Promise<Sighting | undefined> {
    return this.#lookupWith(await this.#options.loadLookup()).seenBy(connection);
  }

  start(): Promise<void> | undefined {
    if (this.#options.options.discovery.length === 0) return undefined;
    const parts = this.#options.loadDialling();
    return parts instanceof Promise ? parts.then((loaded) => this.#start(loaded)) : this.#start(parts);
  }

  /** Starts all discoveries in their order. @throws the error of one of them; the earlier ones are then stopped. */
  async #start(parts: DiallingParts): Promise<void> {
    const { options, log, peering, neighbours } = this.#options;
    this.#discoveries ??= new parts.RunningDiscoveries({
      ...this.#options,
      known: this.known,
      ownAddresses: () => peering().transports.addresses,
      onFound: () => this.wake(),
    });
    this.#dialler = new parts.Dialler({
      book: this.known.book,
      runtime: options.runtime,
      policy: options.reconnect,
      log,
      connections: () => peering().peers.connections.size,
      wanted: () => this.#wanted,
      isConnected: (id) => this.known.connectionWith(id) !== undefined,
      mayVisit: () => neighbours() !== undefined,
      dial: (entry) => this.#dial(entry),
    });
    this.#dialler.start();
    try {
      await this.#discoveries.start();
    } catch (error) {
      await this.#stopAll();
      throw error;
    }
  }

  /** Call this when the node begins to stop. It dials no more nodes after that. */
  async stop(): Promise<void> {
    this.#discoveries?.end();
    this.#lookup?.stop();
    await this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    this.#dialler?.stop();
    this.#dialler = undefined;
    await this.#discoveries?.stop();
  }

  attach(host: ProtocolHost): void {
    this.#host = host;
  }

  /** Call this when another connection may be needed. */
  wake(): void {
    this.#dialler?.wake();
  }

  opened(peer: ProtocolPeer): void {
    // Most nodes look for no other nodes. They remember a peer only when it has left.
    if (this.#dialler === undefined) return;
    this.known.learnFrom(peer.connection, channelOf(peer));
    this.#discoveries?.tell('connected', peer.id);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    const part = this.#options.loadLookup();
    if (!(part instanceof Promise)) return this.#lookupWith(part).received(peer, bytes);
    const take = (loaded: LookupPart): void => {
      if (this.#host.peers.has(peer)) this.#lookupWith(loaded).received(peer, bytes);
    };
    return part.then(take, (error) => this.#options.log(`a question is not answered: ${messageOf(error)}`));
  }

  closed(peer: ProtocolPeer): void {
    this.#lookup?.closed(peer);
    this.known.learnFrom(peer.connection, channelOf(peer));
    this.#discoveries?.tell('disconnected', peer.id);
    this.#dialler?.wake();
  }

  /** Called when a link that this node dialled has reached a node. */
  reached(address: Address, id: string): void {
    if (this.#dialler === undefined) return;
    const entry = this.known.note(address, { id, standing: 'seen', source: 'connection', teller: id });
    const { runtime } = this.#options.options;
    const now = { ms: runtime.now(), wallMs: runtime.wallNow() };
    if (entry !== undefined) this.known.book.proved(entry, id, now);
  }

  async #dial({ address, id, isPermanent }: BookEntry): Promise<void> {
    // A user who named a permanent address accepts any node there.
    const expected = isPermanent || id === undefined ? {} : { id };
    const neighbours = this.#options.neighbours();
    if (neighbours === undefined) await this.#options.peering().connector.reach(address, expected);
    else await neighbours.enter(address, expected.id);
  }

  #lookupWith({ NodeLookup: Lookup }: LookupPart): NodeLookup {
    if (this.#lookup !== undefined) return this.#lookup;
    const { options, peering, neighbours } = this.#options;
    this.#lookup = new Lookup({
      options,
      peering,
      known: (id) => this.known.of(id),
      recordOf: (id) => neighbours()?.recordOf(id),
      seek: async (id, signal) => this.#discoveries?.seek(id, signal) ?? [],
      readAddress: (text) => this.known.read(text),
    });
    this.#lookup.attach(this.#host);
    return this.#lookup;
  }

  /**
   * The number of connections that the node wants. A node that chooses its neighbours automatically only needs a way
   * into the network.
   */
  get #wanted(): number {
    const neighbours = this.#options.neighbours();
    if (neighbours === undefined) return wantedConnections;
    if (!neighbours.needsEntry) return 0;
    // Without active neighbours, the peers may be nodes whose users choose their neighbours. They lead nowhere else, so
    // the node does not connect with all of them.
    return neighbours.active.length === 0 ? wantedConnections : Number.POSITIVE_INFINITY;
  }
}
