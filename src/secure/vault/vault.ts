import { checkOptions, checkSignal } from '../../arguments.ts';
import type { Data } from '../../data.ts';
import { PeerloomError } from '../../errors.ts';
import { checkData } from '../../wire/check-data.ts';
import { dataFromBytes, dataToBytes } from '../data-bytes.ts';
import { exportCollections, importCollections } from './backup.ts';
import type { ReaderInfo } from './collection-state.ts';
import type { CollectionName } from './delivery.ts';
import { sealBytes } from './item.ts';
import type { LogEntry } from './manifest.ts';
import type { OwnCollections } from './own-collections.ts';
import type { SyncResult } from './replicator.ts';
import { checkCount, checkId, checkNames } from './vault-arguments.ts';
import type { VaultEngine } from './vault-engine.ts';
import type { VaultStore } from './vault-store.ts';

/** A reader of an own collection. */
export interface Reader extends ReaderInfo {
  /** The id of the node that may read. */
  readonly id: string;
}

/** An own collection. */
export interface CollectionInfo {
  /** Its name. */
  readonly collection: string;
  /** Items that are not deleted. */
  readonly items: number;
  /** One more for each revocation; the first is 1. */
  readonly epoch: number;
  /** How many may read it. */
  readonly readers: number;
  /** The ids of the nodes that keep a copy. */
  readonly replicas: readonly string[];
}

/** A state of an item. */
export interface VaultChange {
  /** Its name. */
  readonly item: string;
  /** `'stream'`: read it with {@link Vault.getStream}. */
  readonly kind: 'data' | 'stream' | 'deleted';
  /** `undefined` unless the kind is `'data'`. */
  readonly value: Data | undefined;
  /** Grows with each change of the collection. */
  readonly version: number;
  /** Milliseconds since 1970, by the owner's clock. */
  readonly time: number;
}

/**
 * Data of which this node is the owner, and data that others let it read. The content of items is encrypted
 * wherever it is kept, and on its way; names of collections and items, sizes, times and who may read what are
 * not. Reached as `node.vault`.
 *
 * @example
 * await alice.vault.put('health', 'blood-pressure', { sys: 120, dia: 80 });
 * await alice.vault.grant('health', bob.id);
 * await bob.vault.get(alice.id, 'health', 'blood-pressure');
 */
export class Vault {
  readonly #engine: VaultEngine;
  readonly #ownId: string;
  readonly #store: VaultStore;
  readonly #own: OwnCollections;

  /** @internal */
  constructor(engine: VaultEngine) {
    this.#engine = engine;
    this.#ownId = engine.ownId;
    this.#store = engine.store;
    this.#own = engine.own;
  }

  /**
   * Keeps an item of an own collection, which is made when it is missing. Resolves when it is on the disk.
   *
   * @param collection up to 256 characters, like the item's name; both are kept in the open.
   * @throws TypeError or RangeError for names that are none, and data that no message can hold.
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` for more than 1 MiB, or half of `limits.maxMessageBytes` where that
   * is less: see {@link Vault.putStream}.
   */
  async put(collection: string, item: string, data: Data): Promise<void> {
    checkNames({ collection, item });
    checkData(data);
    const text = dataToBytes(data);
    const maxBytes = this.#engine.maxBodyBytes - sealBytes;
    if (text.length > maxBytes) {
      const message = `an item of ${text.length} bytes; at most ${maxBytes} are allowed: use putStream for more`;
      throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
    }
    await this.#own.put(collection, item, { text, deleted: false, blob: '' });
  }

  /** Deletes an item of an own collection, here and where it is replicated. Who has read it may have kept it. */
  async delete(collection: string, item: string): Promise<void> {
    checkNames({ collection, item });
    await this.#own.put(collection, item, { text: dataToBytes(null), deleted: true, blob: '' });
  }

  /**
   * Reads an item of an own collection, or of another owner's. Of that it asks the owner and the replicas, and
   * takes the newest that it can prove; when nobody can be reached, the copy of an earlier read.
   *
   * @param options.from ids of nodes to ask besides. Default: while nothing is known of the collection, all
   * neighbours.
   * @throws PeerloomError `ERR_NOT_PERMITTED` when the owner has not granted it or has revoked it,
   * `ERR_NOT_FOUND`, `ERR_NO_ROUTE`; `ERR_ROLLBACK`, `ERR_FORK`, `ERR_SIGNATURE_INVALID`,
   * `ERR_HASH_MISMATCH`, `ERR_VAULT_INVALID`, `ERR_DECRYPTION` when all who answered gave something untrue.
   */
  async get(
    owner: string,
    collection: string,
    item: string,
    options: { readonly from?: Iterable<string> } = {},
  ): Promise<Data> {
    checkNames({ collection, item });
    checkId('owner', owner);
    checkOptions(options, ['from']);
    const { text, blob } = await this.#find({ owner, collection }, item, [...(options.from ?? [])]);
    if (blob === '') return dataFromBytes(text);
    throw new PeerloomError(
      'ERR_MESSAGE_TOO_LARGE',
      `the item ${item} was put as a stream: read it with getStream`,
    );
  }

  /**
   * Like {@link Vault.put}, for up to 1 GiB of bytes, kept in chunks of 1 MiB.
   *
   * @param source its bytes, in pieces of any length.
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE`; and what the source throws. Nothing is kept then.
   */
  async putStream(
    collection: string,
    item: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    checkNames({ collection, item });
    await this.#engine.large.put(collection, item, source);
  }

  /**
   * Reads what {@link Vault.putStream} put. Each chunk is proven before it is given; one that nobody gives as it was
   * ends the loop with an error. They are not kept here.
   *
   * @throws PeerloomError as {@link Vault.get}; `ERR_VAULT_INVALID` for an item that was put in one piece;
   * `ERR_ITEM_CHANGED` when the item was put again or deleted meanwhile.
   */
  async *getStream(
    owner: string,
    collection: string,
    item: string,
    options: { readonly from?: Iterable<string> } = {},
  ): AsyncGenerator<Uint8Array, void> {
    checkNames({ collection, item });
    checkId('owner', owner);
    checkOptions(options, ['from']);
    const from = [...(options.from ?? [])];
    const { text, blob } = await this.#find({ owner, collection }, item, from);
    if (blob === '')
      throw new PeerloomError('ERR_VAULT_INVALID', `the item ${item} is no stream: read it with get`);
    yield* this.#engine.large.get({ owner, collection }, { item, text, blob }, from);
  }

  /**
   * The items of a collection as they are, the oldest change first, then each change as it comes, until the loop
   * ends, the node stops or the signal fires. Changes in quick succession may appear as the last of them.
   *
   * @param options.since a version: leaves out what is not newer.
   * @throws PeerloomError `ERR_NOT_PERMITTED`, at once or when the owner revokes.
   */
  async *watch(
    owner: string,
    collection: string,
    options: { readonly since?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<VaultChange, void> {
    checkNames({ collection });
    checkId('owner', owner);
    checkOptions(options, ['since', 'signal']);
    const { since = 0, signal } = options;
    checkCount('since', since);
    checkSignal(signal);
    const changes = this.#engine.watch.changes({ owner, collection }, since, signal);
    for await (const { text, blob, ...change } of changes) {
      if (text === undefined) yield { ...change, kind: 'deleted', value: undefined };
      else if (blob !== '') yield { ...change, kind: 'stream', value: undefined };
      else yield { ...change, kind: 'data', value: dataFromBytes(text) };
    }
  }

  /**
   * Lets a node read a collection: what was written since the last revocation, and what will be. Costs the same
   * however many items there are.
   *
   * @param options.history opens what was written before as well. Default false.
   */
  async grant(collection: string, id: string, options: { readonly history?: boolean } = {}): Promise<void> {
    checkNames({ collection });
    this.#checkOther(id);
    checkOptions(options, ['history']);
    await this.#own.grant(collection, id, options.history ?? false);
  }

  /**
   * Begins a new epoch without a reader: nothing written from now on can it read, whoever gives it the ciphertext.
   * Owner and replicas give it nothing any more. What it has read already, or fetched, cannot be taken back.
   *
   * @param options.reencrypt encrypts all items with the new key and replaces them in the replicas, so that the
   * old key opens nothing that an honest node still has. Takes some tenths of a millisecond an item. Default false.
   * @throws PeerloomError `ERR_NOT_FOUND` when there is no such collection.
   */
  async revoke(
    collection: string,
    id: string,
    options: { readonly reencrypt?: boolean } = {},
  ): Promise<void> {
    checkNames({ collection });
    this.#checkOther(id);
    checkOptions(options, ['reencrypt']);
    await this.#own.revoke(collection, id, options.reencrypt ?? false);
  }

  /** Names a node that keeps a copy of what is encrypted and serves it to readers. It cannot read it. */
  async addReplica(collection: string, id: string): Promise<void> {
    checkNames({ collection });
    this.#checkOther(id);
    await this.#own.setReplica(collection, id, true);
  }

  /** Asks a replica to delete its copy; whether it does is its word alone. */
  async removeReplica(collection: string, id: string): Promise<void> {
    checkNames({ collection });
    this.#checkOther(id);
    await this.#own.setReplica(collection, id, false);
    await this.#engine.replicator.push({ collection, replica: id }).catch(() => {});
  }

  /** Brings the replicas of all own collections up to date. They are anyway, when they can be reached. */
  sync(): Promise<SyncResult[]> {
    return this.#engine.replicator.sync(this.#store.collectionNames(this.#ownId));
  }

  /** Who may read an own collection now. */
  readers(collection: string): Reader[] {
    checkNames({ collection });
    const readers = this.#store.collection(this.#ownId, collection)?.state.readers ?? {};
    return Object.entries(readers).map(([id, info]) => ({ id, ...info }));
  }

  /** The own collections. */
  collections(): CollectionInfo[] {
    return this.#store.collectionNames(this.#ownId).map((collection) => {
      const { head, state } = this.#store.collection(this.#ownId, collection)!;
      const items = this.#store.countItems(this.#ownId, collection);
      const readers = Object.keys(state.readers).length;
      return { collection, items, epoch: head.epoch, readers, replicas: state.replicas };
    });
  }

  /** The names of the items of an own collection. */
  items(collection: string): string[] {
    checkNames({ collection });
    return this.#store.itemNames(this.#ownId, collection);
  }

  /** All that was done to a collection, of this node or as far as it is known of another: signed, and chained. */
  audit(collection: string, owner: string = this.#ownId): LogEntry[] {
    checkNames({ collection });
    return this.#store.wholeLog(owner, collection);
  }

  /**
   * The own collections, encrypted as they are: of use to nobody but this identity and its readers. Large items are
   * in it, and all of it is in memory.
   */
  export(): Uint8Array {
    return exportCollections(this.#store, this.#ownId);
  }

  /**
   * Takes in what {@link Vault.export} gave, all of it or nothing. Each part is proven first, the chunks of large
   * items too.
   *
   * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_SIGNATURE_INVALID`, `ERR_HASH_MISMATCH` or `ERR_DECRYPTION` when
   * the export is damaged, `ERR_VAULT_INVALID` when it is of another identity, `ERR_ROLLBACK` when something here is
   * newer, `ERR_FORK` when this vault has gone another way since.
   */
  async import(exported: Uint8Array): Promise<void> {
    await this.#own.exclusively(() => importCollections(this.#engine, this.#ownId, exported));
  }

  async #find(
    { owner, collection }: CollectionName,
    item: string,
    from: readonly string[],
  ): Promise<{ readonly text: Uint8Array; readonly blob: string }> {
    if (owner === this.#ownId) return this.#own.get(collection, item);
    const { text, blob } = await this.#engine.reader.get({ owner, collection }, item, from);
    if (text !== undefined) return { text, blob };
    throw new PeerloomError('ERR_NOT_FOUND', `the item ${item} was deleted`);
  }

  #checkOther(id: string): void {
    checkId('id', id);
    if (id === this.#ownId) throw new TypeError('id must be the id of another node, not of the owner');
  }
}
