import type { Data } from '../../data.ts';
import { PeerloomError } from '../../errors.ts';
import { fieldsOf } from '../fields.ts';
import { accept, type Delivery } from './delivery.ts';
import type { SealedItem } from './item.ts';
import type { CollectionState } from './manifest.ts';
import {
  chunkRequestOf,
  type FetchAnswer,
  type FetchRequest,
  fetchRequestOf,
  type Refusal,
  refusal,
  type StoreAnswer,
  storeRequestOf,
} from './vault-protocol.ts';
import type { StoredCollection, VaultStore } from './vault-store.ts';

export interface VaultServiceOptions {
  readonly ownId: string;
  readonly store: VaultStore;
  /** Bytes of items in one answer, but for one item at least. */
  readonly batchBytes: number;
  /** Bytes of other owners' collections. */
  readonly maxReplicaBytes: number;
  /** Somebody wants to hear of changes. */
  readonly onWatch: (owner: string, collection: string, id: string) => void;
  /** A replica of this node's has something new. */
  readonly onChange: (owner: string, collection: string) => void;
}

/** Answers other nodes: gives readers what they may read, and keeps replicas for owners who named this node. */
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
    if (request.watch) onWatch(owner, collection, asker);
    if (request.item === undefined) return this.#itemsSince(stored, request, mayRead);
    const item = store.item(owner, collection, request.item);
    if (item === undefined) return refusal('ERR_NOT_FOUND');
    if (!mayRead(item)) return refusal('ERR_NOT_PERMITTED');
    return { ...this.#news(stored, request.after), items: [item], upTo: item.version, more: false };
  }

  /** A part of a large item, for who may read it. @throws PeerloomError `ERR_VAULT_INVALID`. */
  chunk(data: Data, asker: string): Uint8Array | Refusal {
    const { owner, collection, item, blob, number } = chunkRequestOf(data);
    const fetched = this.fetch({ owner, collection, item, after: Number.MAX_SAFE_INTEGER }, asker);
    if ('error' in fetched) return fetched;
    const isCurrent = fetched.items[0]!.blob === blob;
    const body = isCurrent ? this.#options.store.chunk(owner, blob, number) : undefined;
    return body ?? refusal('ERR_NOT_FOUND');
  }

  /** A part and those after it, for as long as the asker may read them. @throws PeerloomError `ERR_VAULT_INVALID`. */
  *chunks(data: Data, asker: string): Generator<Uint8Array, void> {
    const request = chunkRequestOf(data);
    for (let { number } = request; ; number++) {
      const chunk = this.chunk({ ...request, number }, asker);
      if (!(chunk instanceof Uint8Array)) return;
      yield chunk;
    }
  }

  /** @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_MESSAGE_TOO_LARGE`. */
  storeChunk(data: Data, asker: string): number | Refusal {
    const { owner, collection, blob, number } = chunkRequestOf(data);
    const { ownId, store } = this.#options;
    const isReplica = store.collection(owner, collection)?.state.replicas.includes(ownId);
    if (asker !== owner || owner === ownId || !isReplica) return refusal('ERR_NOT_PERMITTED');
    const { body } = fieldsOf(data);
    if (body instanceof Uint8Array) {
      this.#checkRoom(body.length);
      store.saveChunk(owner, blob, number, body);
    }
    return store.countChunks(owner, blob);
  }

  /** @throws PeerloomError for what the owner did not sign, or for too much of it. */
  storeReplica(data: Data, asker: string): StoreAnswer | Refusal {
    const request = storeRequestOf(data);
    const { owner, collection, upTo } = request;
    const { ownId, store, onChange } = this.#options;
    if (asker !== owner || owner === ownId) return refusal('ERR_NOT_PERMITTED');
    const isQuestion = request.log.length === 0;
    if (!isQuestion) {
      this.#checkRoom(sizeOf(request));
      store.transaction(() => {
        const { state } = accept(store, request, request);
        if (state.replicas.includes(ownId)) store.setVersion(owner, collection, upTo);
        else store.removeCollection(owner, collection);
      });
      onChange(owner, collection);
    }
    const stored = store.collection(owner, collection);
    return { sequence: stored?.head.sequence ?? 0, version: stored?.version ?? 0 };
  }

  #itemsSince(
    stored: StoredCollection,
    { owner, collection, after, since = 0 }: FetchRequest,
    mayRead: (item: SealedItem) => boolean,
  ): FetchAnswer {
    const { store, batchBytes } = this.#options;
    const { items, more } = store.items(owner, collection, { after: since, maxBytes: batchBytes });
    const upTo = items.at(-1)?.version ?? since;
    return { ...this.#news(stored, after), items: items.filter(mayRead), upTo, more };
  }

  #news({ head, state }: StoredCollection, after: number): Omit<Delivery, 'items'> {
    const { owner, collection, sequence } = head;
    const log = this.#options.store.log(owner, collection, Math.min(after, sequence - 1));
    return { log, state: after < sequence ? state : null };
  }

  #checkRoom(bytes: number): void {
    const { store, maxReplicaBytes } = this.#options;
    if (store.hasRoom(bytes, maxReplicaBytes)) return;
    const message = `this node keeps at most ${maxReplicaBytes} bytes for others`;
    throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
  }
}

function sizeOf({ log, state, items }: Delivery): number {
  return items.reduce((sum, { body }) => sum + (body?.length ?? 0), JSON.stringify([log, state]).length);
}

function isOpenTo(reader: string, state: CollectionState, { epoch }: SealedItem): boolean {
  const wraps = state.epochs.find((one) => one.epoch === epoch)?.wraps;
  return wraps !== undefined && Object.hasOwn(wraps, reader);
}
