import type { ConnectOptions } from '../api/connect-options.ts';
import type { Discovery, DiscoveryHost, FoundNode, KnownNode } from '../api/discovery.ts';
import type { Dispatcher } from '../api/dispatcher.ts';
import { checkGivenId } from '../api/given-id.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import type { ProtocolHost, ProtocolPeer } from '../api/protocol.ts';
import { type Address, formatAddress } from '../base/address.ts';
import { checkType, errorOf, messageOf } from '../base/arguments.ts';
import type { Log } from '../base/debug.ts';
import { mayTell, scopeOf } from '../base/host-scope.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { Membership } from '../overlay/membership/membership.ts';
import type { OverlayPart } from '../overlay/overlay.ts';
import { sourceOfNode } from '../overlay/seen/source-of-node.ts';
import type { Finding, Peering } from '../peers/peering.ts';
import { channelOf } from '../protocols/protocols.ts';
import { maxAddressLength } from '../wire/frames/hello.ts';
import { AddressBook, type BookEntry, type Mention } from './address-book.ts';
import { Dialler } from './dialler.ts';
import type { Sighting } from './looks.ts';
import { NodeLookup } from './node-lookup.ts';

/** Connections that a node with discovery wants to have. */
const wantedConnections = 5;

/** New addresses that one discovery may report in a second, in the long run. */
const foundPerSecond = 16;

/** New addresses that one discovery may report at once. */
const foundBurst = 128;

/** Addresses that one discovery may find for one id. */
const maxSought = 8;

export interface FinderOptions {
  readonly options: ResolvedOptions;
  readonly dispatcher: Dispatcher;
  readonly budget: MemoryBudget;
  readonly log: Log;
  /** Made after this. */
  readonly peering: () => Peering;
  /** Made after this. Nothing if the user chooses the neighbours. */
  readonly neighbours: () => Membership | undefined;
}

/** What a node knows of others that it is not connected with, and how it comes to know it and to connect. */
export class Finder implements Finding, OverlayPart {
  readonly kinds = { first: 48, last: 63 };
  readonly #options: FinderOptions;
  /** Made when it is first needed: most nodes look for nobody. */
  #madeBook: AddressBook | undefined;
  readonly #lookup: NodeLookup;
  #dialler: Dialler | undefined;
  /** Those that have started. */
  #started: Discovery[] = [];
  #isStopped = false;

  constructor(options: FinderOptions) {
    const { budget } = options;
    this.#options = options;
    this.#lookup = new NodeLookup({
      options: options.options,
      peering: options.peering,
      known: (id) => this.#addressesOf(id),
      recordOf: (id) => options.neighbours()?.recordOf(id),
      seek: (id, signal) => this.#seek(id, signal),
      readAddress: (text) => this.#readAddress(text),
    });
    budget.share(() => this.#madeBook?.heldBytes ?? 0);
  }

  get #book(): AddressBook {
    this.#madeBook ??= new AddressBook(this.#options.budget);
    return this.#madeBook;
  }

  get knownNodes(): readonly KnownNode[] {
    const ids = new Set(this.#book.ids);
    for (const { id } of this.#connections) ids.add(id);
    for (const id of this.#options.neighbours()?.heardOf ?? []) ids.add(id);
    return [...ids].map((id) => this.#knownNode(id));
  }

  /** What the node remembers of the addresses of another one, the best first. */
  entriesOf(id: string): readonly BookEntry[] {
    return this.#madeBook?.of(id) ?? [];
  }

  /** Connects with a node that is given by its id. @throws as {@link NodeLookup.connect}. */
  async connect(id: string, options: ConnectOptions): Promise<NodeConnection> {
    return this.#lookup.connect(id, options);
  }

  /** Asks a peer from where it sees this node. @returns undefined if it does not answer. */
  seenBy(connection: NodeConnection): Promise<Sighting | undefined> {
    return this.#lookup.seenBy(connection);
  }

  start(): Promise<void> | undefined {
    return this.#options.options.discovery.length === 0 ? undefined : this.#start();
  }

  /** Starts all discoveries, in their order. @throws what one of them throws; those before it are stopped then. */
  async #start(): Promise<void> {
    const { options, log } = this.#options;
    const { discovery, runtime, reconnect } = options;
    this.#dialler = new Dialler({
      book: this.#book,
      runtime,
      policy: reconnect,
      log,
      connections: () => this.#connections.length,
      wanted: () => this.#wanted,
      isConnected: (id) => this.#connectionWith(id) !== undefined,
      mayVisit: () => this.#options.neighbours() !== undefined,
      dial: (entry) => this.#dial(entry),
    });
    this.#dialler.start();
    try {
      for (const each of discovery) {
        await each.start(this.#hostFor(each));
        this.#started.push(each);
      }
    } catch (error) {
      await this.#stopAll();
      throw error;
    }
  }

  /** The node begins to stop: it dials nobody any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#lookup.stop();
    await this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    this.#dialler?.stop();
    this.#dialler = undefined;
    for (const discovery of this.#started.splice(0)) {
      try {
        await discovery.stop();
      } catch (error) {
        this.#fail(discovery, error);
      }
    }
  }

  attach(host: ProtocolHost): void {
    this.#lookup.attach(host);
  }

  /** Another connection may be wanted. */
  wake(): void {
    this.#dialler?.wake();
  }

  opened(peer: ProtocolPeer): void {
    // Most nodes look for nobody: they remember a peer when it has gone.
    if (this.#dialler === undefined) return;
    this.#learnFrom(peer);
    this.#tell('connected', peer.id);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void {
    this.#lookup.received(peer, bytes);
  }

  closed(peer: ProtocolPeer): void {
    this.#lookup.closed(peer);
    this.#learnFrom(peer);
    this.#tell('disconnected', peer.id);
    this.#dialler?.wake();
  }

  /** A link that this node dialled leads to that node. */
  reached(address: Address, id: string): void {
    if (this.#dialler === undefined) return;
    const entry = this.#note(address, { id, standing: 'seen', source: 'connection', teller: id });
    const { runtime } = this.#options.options;
    if (entry !== undefined) this.#book.proved(entry, id, { ms: runtime.now(), wallMs: runtime.wallNow() });
  }

  #hostFor(discovery: Discovery): DiscoveryHost {
    const { options, log, peering } = this.#options;
    const { identity, network, runtime } = options;
    const rate = new TokenBucket({ burst: foundBurst, perSecond: foundPerSecond }, runtime);
    const { name } = discovery;
    return {
      id: identity.id,
      network,
      addresses: [...peering().transports.addresses],
      runtime,
      log: (text) => log(`${name}: ${text}`),
      found: (node) => this.#found(name, node, rate),
      failed: (error) => this.#fail(discovery, error),
    };
  }

  #found(name: string, node: FoundNode, rate: TokenBucket): boolean {
    const { options, dispatcher, log } = this.#options;
    checkType('address', node.address, 'string');
    if (node.id !== undefined) checkGivenId('id', checkType('id', node.id, 'string'));
    const { id, isPermanent = false, isTold = false, lastConnectedAt } = node;
    if (this.#isStopped) return false;
    if (id === options.identity.id) return true;
    const address = this.#readAddress(node.address);
    if (address === undefined) return false;
    const isNewAddress = this.#book.find(this.#keyOf(address)) === undefined;
    if (isNewAddress && !rate.take()) return false;
    const isNewNode = id !== undefined && !this.#book.has(id) && this.#connectionWith(id) === undefined;
    const standing = isTold && !isPermanent ? 'told' : 'given';
    const mention = { id, standing, source: name, teller: `discovery ${name}` } as const;
    const entry = this.#note(address, { ...mention, isPermanent, lastConnectedAt });
    if (entry === undefined) return false;
    if (isNewNode) {
      log(`${name} found ${id} at ${node.address}`);
      dispatcher.emit('node_discovered', this.#knownNode(id));
    }
    this.#dialler?.wake();
    return true;
  }

  /** All discoveries at once: some of them know nothing but what is near. */
  async #seek(id: string, signal: AbortSignal): Promise<readonly Address[]> {
    const found = await Promise.all(
      this.#started.map(async (discovery) => {
        try {
          return (await discovery.find?.(id, signal)) ?? [];
        } catch (error) {
          signal.throwIfAborted();
          this.#fail(discovery, error);
          return [];
        }
      }),
    );
    return found.flatMap((texts) =>
      texts.slice(0, maxSought).flatMap((text) => this.#readAddress(text) ?? []),
    );
  }

  /** What a peer says of itself. Anybody may say anything, so what it names elsewhere is only told. */
  #learnFrom(peer: ProtocolPeer): void {
    const { remote } = channelOf(peer);
    const { id, addresses } = peer.connection;
    const teller = sourceOfNode(remote);
    const { host } = remote.address;
    const nowWallMs = this.#options.options.runtime.wallNow();
    for (const text of addresses) {
      const address = this.#readAddress(text);
      if (address === undefined) continue;
      const standing = address.host === host ? 'seen' : 'told';
      if (standing === 'told' && !mayTell(scopeOf(host), scopeOf(address.host))) continue;
      const lastConnectedAt = standing === 'seen' ? nowWallMs : undefined;
      this.#note(address, { id, standing, source: 'connection', teller, lastConnectedAt });
    }
  }

  #note(
    address: Address,
    mention: Omit<Mention, 'key' | 'address' | 'isPermanent' | 'lastConnectedAt'> & Partial<Mention>,
  ): BookEntry | undefined {
    return this.#book.add({
      isPermanent: false,
      lastConnectedAt: undefined,
      ...mention,
      key: this.#keyOf(address),
      address,
    });
  }

  /** `undefined` for text that no transport of the node reads, or an address that none dials. */
  #readAddress(text: string): Address | undefined {
    const { transports } = this.#options.peering();
    if (text.length > maxAddressLength) return undefined;
    try {
      const address = transports.parse(text);
      transports.of(address);
      return address;
    } catch (error) {
      this.#options.log(`an address is not taken: ${messageOf(error)}`);
      return undefined;
    }
  }

  #keyOf(address: Address): string {
    const scheme = address.scheme ?? this.#options.options.transports[0]!.schemes[0];
    return formatAddress({ ...address, scheme });
  }

  async #dial({ address, id, isPermanent }: BookEntry): Promise<void> {
    // Whoever named an address for good takes any node there.
    const expected = isPermanent || id === undefined ? {} : { id };
    const neighbours = this.#options.neighbours();
    if (neighbours === undefined) await this.#options.peering().connector.reach(address, expected);
    else await neighbours.enter(address, expected.id);
  }

  /** A node that finds its neighbours by itself only needs to come into the network. */
  get #wanted(): number {
    const neighbours = this.#options.neighbours();
    if (neighbours === undefined) return wantedConnections;
    if (!neighbours.needsEntry) return 0;
    // Peers that choose their neighbours by hand lead nowhere else, so one does not connect with all of them.
    return neighbours.active.length === 0 ? wantedConnections : Number.POSITIVE_INFINITY;
  }

  get #connections(): readonly NodeConnection[] {
    return [...this.#options.peering().peers.connections.keys()];
  }

  #connectionWith(id: string): NodeConnection | undefined {
    return this.#options.peering().peers.find(id)?.connection?.connection;
  }

  /** Those of the book, then those that other nodes told of. */
  #addressesOf(id: string): readonly Address[] {
    const told = this.#options.neighbours()?.addressesOf(id) ?? [];
    return [
      ...this.#book.of(id).map(({ address }) => address),
      ...told.flatMap((text) => this.#readAddress(text) ?? []),
    ];
  }

  #knownNode(id: string): KnownNode {
    const entries = this.#book.of(id);
    const connection = this.#connectionWith(id);
    const [best] = entries;
    const addresses = new Set(this.#addressesOf(id).map((address) => this.#keyOf(address)));
    for (const text of connection?.addresses ?? []) {
      const address = this.#readAddress(text);
      if (address !== undefined) addresses.add(this.#keyOf(address));
    }
    const times = entries.flatMap(({ lastConnectedAt }) => lastConnectedAt ?? []);
    const isConnected = connection?.isOpen === true && !connection.isSuspended;
    if (isConnected) times.push(this.#options.options.runtime.wallNow());
    return {
      id,
      addresses: [...addresses],
      source: best?.source ?? (connection === undefined ? 'nodes' : 'connection'),
      isConnected,
      isProven: best?.provenAtMs !== undefined,
      lastConnectedAt: times.length === 0 ? undefined : Math.max(...times),
    };
  }

  /** Names no addresses that the peer only says it has: a discovery that remembers them would make them worth more. */
  #tell(what: 'connected' | 'disconnected', id: string): void {
    if (this.#started.length === 0) return;
    const trusted = this.#book
      .of(id)
      .filter(({ standing, provenAtMs }) => standing !== 'told' || provenAtMs !== undefined);
    const node = { ...this.#knownNode(id), addresses: trusted.map(({ key }) => key) };
    for (const discovery of this.#started) {
      try {
        const told: unknown = discovery[what]?.(node);
        if (isPromiseLike(told)) Promise.resolve(told).catch((error) => this.#fail(discovery, error));
      } catch (error) {
        this.#fail(discovery, error);
      }
    }
  }

  #fail({ name }: Discovery, error: unknown): void {
    const cause = errorOf(error);
    const failure = new Error(`the discovery ${name} failed: ${cause.message}`, { cause });
    this.#options.dispatcher.warn(failure, 'node_error');
  }
}
