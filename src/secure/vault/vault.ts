import { checkOptions, checkSignal } from '../../base/arguments.ts';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { checkData } from '../../wire/payloads/check-data.ts';
import { dataFromBytes, dataToBytes } from '../data-bytes.ts';
import { exportCollections, importCollections } from './backup.ts';
import type { CollectionName, ReaderInfo } from './collection-state.ts';
import { sealBytes } from './item.ts';
import type { LogEntry } from './manifest.ts';
import type { OwnCollections } from './own-collections.ts';
import type { SyncResult } from './replicator.ts';
import { turnPace } from './turn.ts';
import { checkCount, checkId, checkNames } from './vault-arguments.ts';
import type { VaultEngine } from './vault-engine.ts';
import type { VaultStore } from './vault-store.ts';

/** A reader of a collection that this node owns. */
export interface Reader extends ReaderInfo {
  /** The id of the node that may read. */
  readonly id: string;
}

/** A collection that this node owns. */
export interface CollectionInfo {
  /** The name. */
  readonly collection: string;
  /** The number of items that are not deleted. */
  readonly items: number;
  /** The current epoch. It begins with 1, and each revocation adds 1. */
  readonly epoch: number;
  /** The number of nodes that may read it. */
  readonly readers: number;
  /** The ids of the nodes that keep a copy. */
  readonly replicas: readonly string[];
}

/** A state of an item, as {@link Vault.watch} yields it. */
export interface VaultChange {
  /** The name. */
  readonly item: string;
  /** `'data'`: `value` has the content. `'stream'`: read it with {@link Vault.getStream}. `'deleted'`: it is gone. */
  readonly kind: 'data' | 'stream' | 'deleted';
  /** The content; `undefined` unless the kind is `'data'`. */
  readonly value: Data | undefined;
  /** A number that grows with each change of the collection. */
  readonly version: number;
  /** Milliseconds since 1970, by the owner's clock. */
  readonly time: number;
}

/**
 * Data that this node owns, and data of other owners that this node may read: `node.vault` of a SecureNode. The content
 * of items is encrypted on every disk and on the network. Names of collections and items, sizes, times and readers are
 * not. See docs/secure-node.md.
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
   * Puts an item into a collection of this node, and creates the collection if it is missing. Resolves when the item is
   * on the disk.
   *
   * @param collection the name of the collection: 1 to 256 characters, not encrypted.
   * @param item the name of the item: 1 to 256 characters, not encrypted.
   * @throws TypeError or RangeError for wrong names, and for data that a message cannot hold.
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` for more than 1 MiB, or half of `limits.maxMessageBytes` if that is
   * less: use {@link Vault.putStream}. `ERR_VAULT_FILE` if the file cannot be written.
   */
  async put(collection: string, item: string, data: Data): Promise<void> {
    checkNames({ collection, item });
    checkData(data);
    const text = dataToBytes(data);
    const maxBytes = this.#engine.maxBodyBytes - sealBytes;
    if (text.length > maxBytes) {
      const message = `the item has ${text.length} bytes, but at most ${maxBytes} are allowed: use putStream for more`;
      throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
    }
    await this.#own.put(collection, item, { text, deleted: false, blob: '' });
  }

  /**
   * Deletes an item of a collection of this node, here and in the replicas. Nodes that have read it may have kept it.
   */
  async delete(collection: string, item: string): Promise<void> {
    checkNames({ collection, item });
    await this.#own.put(collection, item, { text: dataToBytes(null), deleted: true, blob: '' });
  }

  /**
   * Reads an item of this node or of another owner. For another owner's item, the node asks the owner and the replicas,
   * and returns the newest version that it can prove. If it can reach none of them, it returns the copy of an earlier
   * read.
   *
   * @param options.from ids of further nodes to ask. Default: all neighbours, as long as nothing is known of the
   * collection.
   * @throws PeerloomError `ERR_NOT_PERMITTED` if the owner has not granted this node permission, or has revoked it;
   * `ERR_NOT_FOUND`; `ERR_NO_ROUTE`. `ERR_ROLLBACK`, `ERR_FORK`, `ERR_SIGNATURE_INVALID`, `ERR_HASH_MISMATCH`,
   * `ERR_VAULT_INVALID` or `ERR_DECRYPTION` if all nodes that answered sent wrong data.
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
   * Puts an item of up to 1 GiB of bytes, in chunks of 1 MiB.
   *
   * @param source the bytes, in pieces of any length.
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE`, `ERR_VAULT_FILE`, and whatever the source throws. The item is not
   * stored then.
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
   * Reads an item that {@link Vault.putStream} put, chunk by chunk. Each chunk is checked before you receive it. If no
   * node has the right chunk, the loop ends with an error. This node keeps no copy of the chunks.
   *
   * @param options.from as in {@link Vault.get}.
   * @throws PeerloomError as {@link Vault.get}; `ERR_VAULT_INVALID` for an item that was put with {@link Vault.put};
   * `ERR_ITEM_CHANGED` if the item was put again or deleted meanwhile.
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
      throw new PeerloomError(
        'ERR_VAULT_INVALID',
        `the item ${item} was not put as a stream: read it with get`,
      );
    yield* this.#engine.large.get({ owner, collection }, { item, text, blob }, from);
  }

  /**
   * Yields the items of a collection as they are, the oldest change first, and then each change as it comes, until the
   * loop ends, the node stops or the signal fires. Of changes in quick succession, only the last one may appear.
   *
   * @param options.since a version; items that are not newer are left out. Default 0.
   * @param options.signal ends the loop when it fires.
   * @throws PeerloomError `ERR_NOT_PERMITTED`, at the start or when the owner revokes the permission.
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
   * Lets a node read a collection: everything written since the last revocation, and everything written later. The cost
   * does not depend on the number of items.
   *
   * @param collection the name of the collection, which is created if it is missing.
   * @param id the id of the reader, which may be offline.
   * @param options.history opens everything that was written before as well. Default false.
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` if the collection has too many readers.
   */
  async grant(collection: string, id: string, options: { readonly history?: boolean } = {}): Promise<void> {
    checkNames({ collection });
    this.#checkOther(id);
    checkOptions(options, ['history']);
    await this.#own.grant(collection, id, options.history ?? false);
  }

  /**
   * Takes a reader's permission away and begins a new epoch. The reader cannot decrypt anything that is written from
   * now on. Owner and replicas no longer serve it. What it has already fetched cannot be taken back.
   *
   * @param options.reencrypt encrypts all items with the new key and replaces them in the replicas, so that the old key
   * opens nothing that an honest node still has. Takes some tenths of a millisecond for each item. Default false.
   * @throws PeerloomError `ERR_NOT_FOUND` if there is no such collection, `ERR_MESSAGE_TOO_LARGE` if it has too many
   * readers; with `reencrypt` that cannot happen.
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

  /**
   * Adds a replica: a node that keeps a copy of the encrypted collection and serves it to readers. It cannot read it.
   */
  async addReplica(collection: string, id: string): Promise<void> {
    checkNames({ collection });
    this.#checkOther(id);
    await this.#own.setReplica(collection, id, true);
  }

  /** Asks a replica to delete its copy. Nothing proves that it does. */
  async removeReplica(collection: string, id: string): Promise<void> {
    checkNames({ collection });
    this.#checkOther(id);
    await this.#own.setReplica(collection, id, false);
    await this.#engine.replicator.push({ collection, replica: id }).catch(() => {});
  }

  /**
   * Brings the replicas of all collections of this node up to date, and resolves with the result for each. Replicas
   * that can be reached are also updated without this call.
   */
  sync(): Promise<SyncResult[]> {
    return this.#engine.replicator.sync(this.#store.collectionNames(this.#ownId));
  }

  /** Returns the current readers of a collection of this node. */
  readers(collection: string): Reader[] {
    checkNames({ collection });
    const readers = this.#store.collection(this.#ownId, collection)?.state.readers ?? {};
    return Object.entries(readers).map(([id, info]) => ({ id, ...info }));
  }

  /** Returns the collections of this node. */
  collections(): CollectionInfo[] {
    return this.#store.collectionNames(this.#ownId).map((collection) => {
      const { head, state } = this.#store.collection(this.#ownId, collection)!;
      const items = this.#store.countItems(this.#ownId, collection);
      const readers = Object.keys(state.readers).length;
      return { collection, items, epoch: head.epoch, readers, replicas: state.replicas };
    });
  }

  /** Returns the names of the items in a collection of this node. */
  items(collection: string): string[] {
    checkNames({ collection });
    return this.#store.itemNames(this.#ownId, collection);
  }

  /**
   * Returns the log of a collection: every grant, revocation and change of replicas, signed and chained. For another
   * owner's collection it returns what this node knows of the log.
   *
   * @param owner the id of the owner. Default: this node.
   */
  audit(collection: string, owner: string = this.#ownId): LogEntry[] {
    checkNames({ collection });
    return this.#store.wholeLog(owner, collection);
  }

  /**
   * Returns all collections of this node, still encrypted: only this identity and its readers can use them. The export
   * includes large items, and is held in memory as a whole. The node lets other work run after each few milliseconds;
   * changes of this node's collections wait until the export is made.
   */
  export(): Promise<Uint8Array> {
    const pace = turnPace(this.#engine.runtime);
    return this.#own.exclusively(() => exportCollections(this.#store, this.#ownId, pace));
  }

  /**
   * Imports what {@link Vault.export} returned, all of it or nothing. The vault checks the proof of each part first,
   * including the chunks of large items.
   *
   * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_SIGNATURE_INVALID`, `ERR_HASH_MISMATCH` or `ERR_DECRYPTION` if the
   * export is damaged; `ERR_VAULT_INVALID` if it belongs to another identity; `ERR_ROLLBACK` if this vault has newer
   * data; `ERR_FORK` if this vault has changed in another way since the export.
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
    throw new PeerloomError('ERR_NOT_FOUND', `the item ${item} was deleted by its owner`);
  }

  #checkOther(id: string): void {
    checkId('id', id);
    if (id === this.#ownId) throw new TypeError('id must be the id of another node, not of the owner');
  }
}
