import type { Discovery, DiscoveryHost, FoundNode, KnownNode } from '../api/discovery.ts';
import type { Dispatcher } from '../api/dispatcher.ts';
import { checkGivenId } from '../api/given-id.ts';
import type { ResolvedOptions } from '../api/options.ts';
import type { Address } from '../base/address.ts';
import { checkType, errorOf } from '../base/arguments.ts';
import type { Log } from '../base/debug.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { KnownAddresses } from './known-addresses.ts';

/** The most new addresses that one discovery may report in a second, in the long run. */
const foundPerSecond = 16;

/** The most new addresses that one discovery may report in a burst. */
const foundBurst = 128;

/** The most addresses that one discovery may find for one id. */
const maxSought = 8;

export interface RunningDiscoveriesOptions {
  readonly options: ResolvedOptions;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  readonly known: KnownAddresses;
  /** The texts of the addresses that the node listens on. */
  readonly ownAddresses: () => readonly string[];
  /** Called when a discovery has reported an address. */
  readonly onFound: () => void;
}

/**
 * Starts and stops the discoveries that the user chose, adds the addresses that they find, and tells them of
 * connections.
 */
export class RunningDiscoveries {
  readonly #options: RunningDiscoveriesOptions;
  #started: Discovery[] = [];
  #isStopped = false;

  constructor(options: RunningDiscoveriesOptions) {
    this.#options = options;
  }

  /** Starts all discoveries in their order. @throws the error of one of them. */
  async start(): Promise<void> {
    for (const each of this.#options.options.discovery) {
      await each.start(this.#hostFor(each));
      this.#started.push(each);
    }
  }

  /** Ignores everything that discoveries report from now on, even before all have stopped. */
  end(): void {
    this.#isStopped = true;
  }

  async stop(): Promise<void> {
    for (const discovery of this.#started.splice(0)) {
      try {
        await discovery.stop();
      } catch (error) {
        this.#fail(discovery, error);
      }
    }
  }

  /** Asks all discoveries for a node concurrently, because some of them know only nodes that are near. */
  async seek(id: string, signal: AbortSignal): Promise<readonly Address[]> {
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
    const { known } = this.#options;
    return found.flatMap((texts) => texts.slice(0, maxSought).flatMap((text) => known.read(text) ?? []));
  }

  /**
   * Tells the discoveries of a connection. It leaves out addresses that are only `'told'`: a discovery that remembered
   * them would make them worth more.
   */
  tell(what: 'connected' | 'disconnected', id: string): void {
    if (this.#started.length === 0) return;
    const { known } = this.#options;
    const trusted = known
      .entriesOf(id)
      .filter(({ standing, provenAtMs }) => standing !== 'told' || provenAtMs !== undefined);
    const node: KnownNode = { ...known.node(id), addresses: trusted.map(({ key }) => key) };
    for (const discovery of this.#started) {
      try {
        const told: unknown = discovery[what]?.(node);
        if (isPromiseLike(told)) Promise.resolve(told).catch((error) => this.#fail(discovery, error));
      } catch (error) {
        this.#fail(discovery, error);
      }
    }
  }

  #hostFor(discovery: Discovery): DiscoveryHost {
    const { options, log, ownAddresses } = this.#options;
    const { identity, network, runtime } = options;
    const rate = new TokenBucket({ burst: foundBurst, perSecond: foundPerSecond }, runtime);
    const { name } = discovery;
    return {
      id: identity.id,
      network,
      addresses: [...ownAddresses()],
      runtime,
      log: (text) => log(`${name}: ${text}`),
      found: (node) => this.#found(name, node, rate),
      failed: (error) => this.#fail(discovery, error),
    };
  }

  #found(name: string, node: FoundNode, rate: TokenBucket): boolean {
    const { options, dispatcher, known, log, onFound } = this.#options;
    checkType('address', node.address, 'string');
    if (node.id !== undefined) checkGivenId('id', checkType('id', node.id, 'string'));
    const { id, isPermanent = false, isTold = false, lastConnectedAt } = node;
    if (this.#isStopped) return false;
    if (id === options.identity.id) return true;
    const address = known.read(node.address);
    if (address === undefined) return false;
    if (!known.has(address) && !rate.take()) return false;
    const isNewNode = id !== undefined && !known.book.has(id) && known.connectionWith(id) === undefined;
    const standing = isTold && !isPermanent ? 'told' : 'given';
    const said = { id, standing, source: name, teller: `discovery ${name}` } as const;
    const entry = known.note(address, { ...said, isPermanent, lastConnectedAt });
    if (entry === undefined) return false;
    if (isNewNode) {
      log(`${name} found ${id} at ${node.address}`);
      dispatcher.emit('node_discovered', known.node(id));
    }
    onFound();
    return true;
  }

  #fail({ name }: Discovery, error: unknown): void {
    const cause = errorOf(error);
    const failure = new Error(`the discovery ${name} failed: ${cause.message}`, { cause });
    this.#options.dispatcher.warn(failure, 'node_error');
  }
}
