import type { Steps } from '../../base/steps.ts';
import type { CollectionName } from './collection-state.ts';
import type { SealedItem } from './item.ts';
import type { LogEntry, Manifest, StoredCollection } from './manifest.ts';
import type { Keeping } from './store-usage.ts';
import type { maxDelivered } from './vault-limits.ts';

/**
 * Collections, their logs and their items: those of this node and those of other owners. Node.js keeps them in SQLite
 * (`sqlite-vault-store.ts`). A page keeps them in memory and in IndexedDB (`page-vault-store.ts`).
 *
 * A change is visible as soon as its method returns. It is on the disk when {@link written} resolves, so no other node
 * or caller may receive data of a change, or learn of its success, before that. No transaction keeps more of other
 * owners than the bounds allow.
 */
export interface VaultStore {
  /** Bytes of memory that other owners' collections take. */
  readonly heldBytes: number;
  /** Called with the bytes that a transaction has added to {@link heldBytes}. */
  onGrowth: (bytes: number) => void;

  /**
   * Runs a change in a transaction, all of it or nothing. The caller must make changes to other memory afterwards.
   *
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` if more would be kept of other owners than the bounds allow.
   */
  transaction<Result>(change: () => Result): Result;

  /**
   * Resolves when all changes so far are on the disk; `undefined` if they are already.
   *
   * @throws PeerloomError `ERR_VAULT_FILE`. The store is then as if the changes had never been made.
   */
  written(): Promise<void> | undefined;

  /** Returns a collection whose state is proven. An unknown name takes no memory. */
  collection(owner: string, collection: string): StoredCollection | undefined;

  /** Returns the names of an owner's collections, in their order. */
  collectionNames(owner: string): string[];

  /** Adds entries to the log of a collection, and the state that the last one proves. A copy may become a replica. */
  saveManifest(name: CollectionName, part: ManifestPart, keeping?: Keeping | 'own'): void;

  setVersion(owner: string, collection: string, version: number): void;

  /** Returns the next entries of a log. */
  log(owner: string, collection: string, range: Range): LogEntry[];

  /** Returns the whole log, however long it is. */
  wholeLog(owner: string, collection: string): LogEntry[];

  entry(owner: string, collection: string, sequence: number): LogEntry | undefined;

  /** Returns the last entry of a log. Its state may not have arrived yet, see {@link StoredCollection.head}. */
  lastEntry(owner: string, collection: string): LogEntry | undefined;

  item(owner: string, collection: string, item: string): SealedItem | undefined;

  /** Returns the next items in the order of their versions. */
  items(owner: string, collection: string, range: Range): { items: SealedItem[]; more: boolean };

  /** Returns the names of the items that are not deleted, in their order. */
  itemNames(owner: string, collection: string): string[];

  /** Returns the number of items that are not deleted. */
  countItems(owner: string, collection: string): number;

  /** Returns some of the items of epochs in a range. */
  itemsOfEpochs(name: CollectionName, range: EpochRange): SealedItem[];

  /** Saves an item. If its earlier content was large, the chunks of that are deleted. */
  saveItem(item: SealedItem): void;

  saveChunk(owner: string, blob: string, number: number, body: Uint8Array): void;

  chunk(
    owner: string,
    blob: string,
    number: number,
  ): Promise<Uint8Array | undefined> | Uint8Array | undefined;

  countChunks(owner: string, blob: string): number;

  /** Deletes chunks that no item names. */
  removeChunks(owner: string, blob: string): void;

  /** Deletes a collection of another node. Pauses after each transaction, because there may be many items. */
  removeCollection(owner: string, collection: string): Steps<void>;

  /** Call this when {@link written} has resolved, and the store is not used any more. */
  close(): Promise<void> | void;
}

/**
 * The next entries of a log, and the state that the last of them proves. `undefined` if the rest of the log will
 * follow.
 */
export interface ManifestPart {
  readonly log: readonly LogEntry[];
  readonly proven: Manifest | undefined;
}

/** A range of items or log entries in their order. At most {@link maxDelivered} are returned. */
export interface Range {
  /** Only items of later versions, or entries of later sequences, are returned. */
  readonly after: number;
  /** The most bytes of all together. At least one is returned in any case. */
  readonly maxBytes: number;
}

/** A range of epochs, and the most items to return. */
export interface EpochRange {
  readonly first: number;
  readonly last: number;
  readonly limit: number;
}

/** The most rows that are deleted in one transaction. */
export const deletedAtOnce = 256;
