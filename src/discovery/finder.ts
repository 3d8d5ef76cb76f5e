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

/** What only a node with discoveries needs. */
type DiallingParts = typeof import('./dialling-parts.ts');

/** What only a node needs that looks for others by their ids, or is asked for one. */
type LookupPart = typeof import('./node-lookup.ts');

/** Connections that a node with discovery wants to have. */
const wantedConnections = 5;

export interface FinderOptions {
  readonly options: ResolvedOptions;
  readonly dispatcher: Dispatcher;
  readonly budget: MemoryBudget;
  readonly log: Log;
  /** At once, or later where it is loaded first. */
  readonly loadDialling: () => DiallingParts | Promise<DiallingParts>;
  readonly loadLookup: () => LookupPart | Promise<LookupPart>;
  /** Made after this. */
  readonly peering: () => Peering;
  /** Made after this. Nothing if the user chooses the neighbours. */
  readonly neighbours: () => Membership | undefined;
}

/** How a node comes to know others that it is not connected with, and to connect with them. */
export class Finder implements Finding, OverlayPart {
  readonly kinds = { first: 48, last: 63 };
  /** What the node knows of the addresses of others. */
  readonly known: KnownAddresses;
  readonly #options: FinderOptions;
  #host!: ProtocolHost;
  /** Made when this node looks for another one, or a peer does. */
  #lookup: NodeLookup | undefined;
  /** Of a node that was started with some. */
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

  /** Connects with a node that is given by its id. @throws as {@link NodeLookup.connect}. */
  async connect(id: string, options: ConnectOptions): Promise<NodeConnection> {
    const part = this.#options.loadLookup();
    return this.#lookupWith(part instanceof Promise ? await part : part).connect(id, options);
  }

  /** Asks a peer from where it sees this node. @returns undefined if it does not answer. */
  async seenBy(connection: NodeConnection): Promise<Sighting | undefined> {
    return this.#lookupWith(await this.#options.loadLookup()).seenBy(connection);
  }

  start(): Promise<void> | undefined {
    if (this.#options.options.discovery.length === 0) return undefined;
    const parts = this.#options.loadDialling();
    return parts instanceof Promise ? parts.then((loaded) => this.#start(loaded)) : this.#start(parts);
  }

  /** Starts all discoveries, in their order. @throws what one of them throws; those before it are stopped then. */
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

  /** The node begins to stop: it dials nobody any more. */
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

  /** Another connection may be wanted. */
  wake(): void {
    this.#dialler?.wake();
  }

  opened(peer: ProtocolPeer): void {
    // Most nodes look for nobody: they remember a peer when it has gone.
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

  /** A link that this node dialled leads to that node. */
  reached(address: Address, id: string): void {
    if (this.#dialler === undefined) return;
    const entry = this.known.note(address, { id, standing: 'seen', source: 'connection', teller: id });
    const { runtime } = this.#options.options;
    const now = { ms: runtime.now(), wallMs: runtime.wallNow() };
    if (entry !== undefined) this.known.book.proved(entry, id, now);
  }

  async #dial({ address, id, isPermanent }: BookEntry): Promise<void> {
    // Whoever named an address for good takes any node there.
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

  /** A node that finds its neighbours by itself only needs to come into the network. */
  get #wanted(): number {
    const neighbours = this.#options.neighbours();
    if (neighbours === undefined) return wantedConnections;
    if (!neighbours.needsEntry) return 0;
    // Peers that choose their neighbours by hand lead nowhere else, so one does not connect with all of them.
    return neighbours.active.length === 0 ? wantedConnections : Number.POSITIVE_INFINITY;
  }
}
