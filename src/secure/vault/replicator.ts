import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { ChannelStream } from '../../channel/streams/stream.ts';
import { inBatches } from './in-batches.ts';
import type { SealedItem } from './item.ts';
import { isCount } from './vault-arguments.ts';
import {
  type StoreAnswer,
  type StoreChunkRequest,
  type StoreRequest,
  storeAnswerOf,
  throwRefusal,
  vaultTopics,
} from './vault-protocol.ts';
import type { VaultStore } from './vault-store.ts';

/** The functions by which a vault communicates with other nodes. */
export interface VaultNetwork {
  /** Asks a node. @throws PeerloomError if the node cannot be reached, or does not answer in time. */
  ask(to: string, topic: string, data: Data, timeoutMs: number): Promise<Data>;
  /**
   * Opens a stream to the first of some nodes that is a neighbour. Resolves with `undefined` if none is, and rejects
   * like {@link VaultNetwork.ask}.
   */
  openStream(to: readonly string[], data: Data, timeoutMs: number): Promise<ChannelStream | undefined>;
  /** Returns the ids of the neighbours. */
  neighbours(): readonly string[];
}

/** The result of an attempt to bring a replica up to date. */
export interface SyncResult {
  /** The name of the collection. */
  readonly collection: string;
  /** The id of the node that keeps a copy. */
  readonly replica: string;
  /** `undefined` if the replica has everything. */
  readonly error: Error | undefined;
}

interface ReplicatorOptions {
  readonly ownId: string;
  readonly store: VaultStore;
  readonly network: VaultNetwork;
  /** The most bytes of items in one delivery, which always has at least one item. */
  readonly batchBytes: number;
}

interface Pair {
  readonly collection: string;
  readonly replica: string;
}

/** Milliseconds for one delivery: enough for some MiB over a slow link. */
const deliveryTimeoutMs = 30_000;

type Pieces = Omit<StoreRequest, 'owner' | 'collection'>;

/** Brings the replicas of own collections up to date. Each replica reports what it has, and receives the rest. */
export class Replicator {
  readonly #options: ReplicatorOptions;
  /** The updates under way. While one runs, at most one more waits for the same replica. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Promise<void>>();
  /** Replicas whose last update failed, or has not been tried. */
  readonly #behind = new Map<string, Pair>();

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    const { ownId, store } = options;
    for (const pair of this.#pairs(store.collectionNames(ownId))) this.#behind.set(keyOf(pair), pair);
  }

  /** Tries once to update each replica. */
  sync(collections: readonly string[]): Promise<SyncResult[]> {
    return inBatches(this.#pairs(collections), (pair) => this.#try(pair));
  }

  /** Tries again to update the replicas whose last update failed. */
  retry(): void {
    void inBatches([...this.#behind.values()], (pair) => this.#try(pair));
  }

  /** Brings a replica up to date, or tells a node that it is no longer a replica. */
  push(pair: Pair): Promise<void> {
    const key = keyOf(pair);
    const running = this.#running.get(key);
    if (running === undefined) return this.#run(key, pair);
    // The update under way may have read the collection before its last change.
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = running
        .catch(() => {})
        .then(() => {
          this.#waiting.delete(key);
          return this.#run(key, pair);
        });
      this.#waiting.set(key, waiting);
    }
    return waiting;
  }

  #run(key: string, pair: Pair): Promise<void> {
    const run = this.#push(pair).finally(() => this.#running.delete(key));
    this.#running.set(key, run);
    return run;
  }

  async #try(pair: Pair): Promise<SyncResult> {
    try {
      await this.push(pair);
      this.#behind.delete(keyOf(pair));
      return { ...pair, error: undefined };
    } catch (error) {
      this.#behind.set(keyOf(pair), pair);
      return { ...pair, error: error as Error };
    }
  }

  #pairs(collections: readonly string[]): Pair[] {
    const { ownId, store } = this.#options;
    return collections.flatMap((collection) => {
      const replicas = store.collection(ownId, collection)?.state.replicas ?? [];
      return replicas.map((replica) => ({ collection, replica }));
    });
  }

  async #push({ collection, replica }: Pair): Promise<void> {
    const { ownId, store } = this.#options;
    let has = await this.#deliver(collection, replica, { log: [], state: null, items: [], upTo: 0 });
    for (;;) {
      const { head, state, version } = store.collection(ownId, collection)!;
      const isReplica = state.replicas.includes(replica);
      if (has.sequence >= head.sequence && (has.version >= version || !isReplica)) return;
      const pieces = this.#missing(collection, has, isReplica);
      for (const item of pieces.items) if (item.blob !== '') await this.#deliverChunks(item, replica);
      has = await this.#deliver(collection, replica, pieces);
      const sent = pieces.log.at(-1)!.sequence;
      if (!isReplica && sent === head.sequence) return; // it has deleted its copy
      if (has.sequence < sent || has.version < pieces.upTo) throw notKept(replica);
    }
  }

  #missing(collection: string, has: StoreAnswer, isReplica: boolean): Pieces {
    const { ownId, store, batchBytes } = this.#options;
    const { head, state, version } = store.collection(ownId, collection)!;
    if (has.sequence < head.sequence) {
      // The log goes first, because a node that is not yet a replica accepts no items.
      const log = store.log(ownId, collection, { after: has.sequence, maxBytes: batchBytes });
      const isWhole = log.at(-1)!.sequence === head.sequence;
      return { log, state: isWhole ? state : null, items: [], upTo: has.version };
    }
    const range = { after: has.version, maxBytes: batchBytes };
    const { items, more } = isReplica ? store.items(ownId, collection, range) : { items: [], more: false };
    return { log: [head], state: null, items, upTo: more ? items.at(-1)!.version : version };
  }

  async #deliverChunks({ owner, collection, item, blob }: SealedItem, replica: string): Promise<void> {
    const { store, network } = this.#options;
    const tell = async (number: number, body: Uint8Array | null): Promise<number> => {
      const request: StoreChunkRequest = { owner, collection, item, blob, number, body };
      const answer = await network.ask(replica, vaultTopics.storeChunk, { ...request }, deliveryTimeoutMs);
      throwRefusal(answer, replica);
      if (!isCount(answer)) throw notKept(replica);
      return answer;
    };
    for (let number = await tell(0, null); ; ) {
      const chunk = await store.chunk(owner, blob, number);
      if (chunk === undefined) return; // that was the last chunk, or the item has changed
      const has = await tell(number, chunk);
      if (has <= number) throw notKept(replica);
      number = has;
    }
  }

  async #deliver(collection: string, replica: string, pieces: Pieces): Promise<StoreAnswer> {
    const { ownId, store, network } = this.#options;
    const request: StoreRequest = { owner: ownId, collection, ...pieces };
    await store.written(); // data that other nodes receive must not be lost here
    const answer = await network.ask(
      replica,
      vaultTopics.store,
      request as unknown as Data,
      deliveryTimeoutMs,
    );
    throwRefusal(answer, replica);
    return storeAnswerOf(answer);
  }
}

/**
 * The error for a replica that does not confirm what was just sent. Without it, such a replica could keep its owner
 * busy for ever.
 */
function notKept(replica: string): PeerloomError {
  return new PeerloomError('ERR_VAULT_INVALID', `${replica} does not keep what it receives`);
}

function keyOf({ collection, replica }: Pair): string {
  return `${replica} ${collection}`;
}
