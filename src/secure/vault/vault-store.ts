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
 * A change is visible as soon as its method returns. It is on the disk when {@link written} resolves, so nobody may
 * receive data of a change, or hear of its success, before that. No transaction leaves more of other owners than the
 * bounds allow.
 */
export interface VaultStore {
  /** Bytes of memory that other owners' collections take. */
  readonly heldBytes: number;
  /** Called with the bytes that a transaction has added to {@link heldBytes}. */
  onGrowth: (bytes: number) => void;

  /**
   * Runs a change as a whole or not at all; what it does in memory as well must come after.
   *
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` when more would be kept of others than the bounds allow.
   */
  transaction<Result>(change: () => Result): Result;

  /**
   * Resolves when all changes so far are on the disk; `undefined` if they are already.
   *
   * @throws PeerloomError `ERR_VAULT_FILE`. The store is then as if the changes had never been made.
   */
  written(): Promise<void> | undefined;

  /** Returns a collection whose state is proven. Names that nobody has used leave nothing behind. */
  collection(owner: string, collection: string): StoredCollection | undefined;

  /** Returns the names of an owner's collections, in their order. */
  collectionNames(owner: string): string[];

  /** Adds entries to the log of a collection, and the state that the last one proves. A copy may become a replica. */
  saveManifest(name: CollectionName, part: ManifestPart, keeping?: Keeping | 'own'): void;

  setVersion(owner: string, collection: string, version: number): void;

  /** Returns the next entries of a log. */
  log(owner: string, collection: string, range: Range): LogEntry[];

  /** Returns all of a log, however long it is. */
  wholeLog(owner: string, collection: string): LogEntry[];

  entry(owner: string, collection: string, sequence: number): LogEntry | undefined;

  /** Returns the last entry of a log; its state may still be to come, see {@link StoredCollection.head}. */
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

  /** Saves an item. The chunks of its earlier content go, if that was a large one. */
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

  /** Deletes a collection of another node. Stops after each transaction: there may be many items. */
  removeCollection(owner: string, collection: string): Steps<void>;

  /** Call this when {@link written} has resolved, and the store is not used any more. */
  close(): Promise<void> | void;
}

/** The next entries of a log, and what the last of them proves; `undefined`: the rest of the log is still to come. */
export interface ManifestPart {
  readonly log: readonly LogEntry[];
  readonly proven: Manifest | undefined;
}

/** Which items or log entries, in their order: {@link maxDelivered} of them at most. */
export interface Range {
  /** Items of later versions, or entries of later sequences, only. */
  readonly after: number;
  /** All together stay below this, but one at least is given. */
  readonly maxBytes: number;
}

/** Which epochs, and how many items of them at most. */
export interface EpochRange {
  readonly first: number;
  readonly last: number;
  readonly limit: number;
}

/** Rows that are deleted in one transaction. */
export const deletedAtOnce = 256;
