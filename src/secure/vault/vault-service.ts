import type { Pace } from '../../base/computing-pace.ts';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { runPaced } from '../../base/steps.ts';
import type { CollectionName, CollectionState } from './collection-state.ts';
import { accept } from './delivery.ts';
import type { SealedItem } from './item.ts';
import type { StoredCollection } from './manifest.ts';
import {
  chunkRequestOf,
  type FetchAnswer,
  type FetchRequest,
  fetchRequestOf,
  type Refusal,
  refusal,
  type StoreAnswer,
  type StoreRequest,
  storeChunkRequestOf,
  storeRequestOf,
} from './vault-protocol.ts';
import type { VaultStore } from './vault-store.ts';

export interface VaultServiceOptions {
  readonly ownId: string;
  readonly store: VaultStore;
  /** The most bytes of items in one answer, which may always have one item. */
  readonly batchBytes: number;
  /** Called when a node wants notices of changes. */
  readonly onWatch: (name: CollectionName, id: string) => void;
  /** Called when a replica that this node keeps has changed. */
  readonly onChange: (name: CollectionName) => void;
}

/** Answers other nodes: sends readers what they may read, and keeps replicas for owners that named this node. */
export class VaultService {
  readonly #options: VaultServiceOptions;

  constructor(options: VaultServiceOptions) {
    this.#options = options;
  }

  /** @throws PeerloomError `ERR_VAULT_INVALID`. */
  fetch(data: Data, asker: string): FetchAnswer | Refusal {
    const request = fetchRequestOf(data);
    const { owner, collection } = request;
    const { ownId, store, onWatch } = this.#options;
    const stored = store.collection(owner, collection);
    const isServed = stored !== undefined && (owner === ownId || stored.state.replicas.includes(ownId));
    if (!isServed) return refusal('ERR_NOT_FOUND');
    const { readers, replicas } = stored.state;
    const seesAll = asker === owner || replicas.includes(asker);
    if (!seesAll && !Object.hasOwn(readers, asker)) return refusal('ERR_NOT_PERMITTED');
    const mayRead = (item: SealedItem): boolean => seesAll || isOpenTo(asker, stored.state, item);
    if (request.watch) onWatch({ owner, collection }, asker);
    if (request.item === undefined) return this.#itemsSince(stored, request, mayRead);
    const item = store.item(owner, collection, request.item);
    if (item === undefined) return refusal('ERR_NOT_FOUND');
    if (!mayRead(item)) return refusal('ERR_NOT_PERMITTED');
    const news = this.#news(stored, request.after);
    return { ...news, items: news.more ? [] : [item], upTo: item.version };
  }

  /** Returns a chunk of a large item if the asker may read it. @throws PeerloomError `ERR_VAULT_INVALID`. */
  async chunk(data: Data, asker: string): Promise<Uint8Array | Refusal> {
    const { owner, collection, item, blob, number } = chunkRequestOf(data);
    const fetched = this.fetch({ owner, collection, item, after: Number.MAX_SAFE_INTEGER }, asker);
    if ('error' in fetched) return fetched;
    const isCurrent = fetched.items[0]!.blob === blob;
    const body = isCurrent ? await this.#options.store.chunk(owner, blob, number) : undefined;
    return body ?? refusal('ERR_NOT_FOUND');
  }

  /**
   * Yields a chunk and the following ones, as long as the asker may read them. @throws PeerloomError
   * `ERR_VAULT_INVALID`.
   */
  async *chunks(data: Data, asker: string): AsyncGenerator<Uint8Array, void> {
    const request = chunkRequestOf(data);
    for (let { number } = request; ; number++) {
      const chunk = await this.chunk({ ...request, number }, asker);
      if (!(chunk instanceof Uint8Array)) return;
      yield chunk;
    }
  }

  /** @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_MESSAGE_TOO_LARGE`. */
  storeChunk(data: Data, asker: string): number | Refusal {
    const { owner, collection, blob, number, body } = storeChunkRequestOf(data);
    const { ownId, store } = this.#options;
    const isReplica = store.collection(owner, collection)?.state.replicas.includes(ownId);
    if (asker !== owner || owner === ownId || !isReplica) return refusal('ERR_NOT_PERMITTED');
    if (body === null) return store.countChunks(owner, blob);
    if (number > store.countChunks(owner, blob)) return refusal('ERR_VAULT_INVALID');
    store.saveChunk(owner, blob, number, body);
    return store.countChunks(owner, blob);
  }

  /** Stores a delivery for its owner. @throws PeerloomError if the owner did not sign it, or if there is no room. */
  async storeReplica(data: Data, asker: string, pace: Pick<Pace, 'pause'>): Promise<StoreAnswer | Refusal> {
    const request = storeRequestOf(data);
    const { owner, collection } = request;
    const { ownId, store, onChange } = this.#options;
    if (asker !== owner || owner === ownId) return refusal('ERR_NOT_PERMITTED');
    const isQuestion = request.log.length === 0;
    if (!isQuestion) {
      await this.#keep(request, pace);
      onChange({ owner, collection });
    }
    const sequence = store.lastEntry(owner, collection)?.sequence ?? 0;
    return { sequence, version: store.collection(owner, collection)?.version ?? 0 };
  }

  async #keep(request: StoreRequest, pace: Pick<Pace, 'pause'>): Promise<void> {
    const { owner, collection: name, upTo } = request;
    const { ownId, store } = this.#options;
    const { collection, unkept } = await accept(store, request, {
      delivery: request,
      keeping: 'replica',
      pace,
    });
    if (unkept.length > 0) {
      throw new PeerloomError(
        'ERR_MESSAGE_TOO_LARGE',
        'this node has no room for more data of other owners (vault.maxReplicaBytes)',
      );
    }
    if (collection === undefined) return; // the rest of the log will follow
    if (collection.state.replicas.includes(ownId)) store.setVersion(owner, name, upTo);
    else await runPaced(store.removeCollection(owner, name), pace);
  }

  #itemsSince(
    stored: StoredCollection,
    { owner, collection, after, since = 0 }: FetchRequest,
    mayRead: (item: SealedItem) => boolean,
  ): FetchAnswer {
    const { store, batchBytes } = this.#options;
    const news = this.#news(stored, after);
    if (news.more) return { ...news, items: [], upTo: since };
    const { items, more } = store.items(owner, collection, { after: since, maxBytes: batchBytes });
    return { ...news, items: items.filter(mayRead), upTo: items.at(-1)?.version ?? since, more };
  }

  /** Returns the log after an entry, or the next part of it. The last part comes with the state. */
  #news({ head, state }: StoredCollection, after: number): Pick<FetchAnswer, 'log' | 'state' | 'more'> {
    const { owner, collection, sequence } = head;
    const { store, batchBytes } = this.#options;
    const range = { after: Math.min(after, sequence - 1), maxBytes: batchBytes };
    const part = store.log(owner, collection, range);
    const log = part.filter((entry) => entry.sequence <= sequence);
    const more = log.at(-1)!.sequence < sequence;
    return { log, state: more || after >= sequence ? null : state, more };
  }
}

function isOpenTo(reader: string, state: CollectionState, { epoch }: SealedItem): boolean {
  const wraps = state.epochs.find((one) => one.epoch === epoch)?.wraps;
  return wraps !== undefined && Object.hasOwn(wraps, reader);
}
