import { encodeText } from '../../wire/payloads/text.ts';
import type { SealedItem } from './item.ts';
import type { Keeping } from './store-usage.ts';

/** A collection, without its state. */
export interface CollectionRow {
  readonly sequence: number;
  readonly version: number;
  readonly keeping: Keeping | 'own';
}

/** A chunk of a large item. */
export interface ChunkRow {
  readonly length: number;
  /** `undefined` if a {@link Journal} has the bytes. */
  readonly body: Uint8Array | undefined;
}

/** The tables of a vault, and the type of their rows. States and log entries are JSON. */
export interface Rows {
  readonly collections: CollectionRow;
  readonly states: string;
  readonly log: string;
  readonly items: SealedItem;
  readonly chunks: ChunkRow;
}

export type TableName = keyof Rows;

/**
 * The key of a row: the owner; the collection, or for chunks the blob; and for logs, items and chunks what identifies a
 * row in that.
 */
export type RowKey = readonly [owner: string, group: string, key?: string | number];

/** A change of one row. `undefined` if the row is deleted. */
export interface RowChange {
  readonly table: TableName;
  readonly key: RowKey;
  readonly row: Rows[TableName] | undefined;
}

/**
 * Bytes that a row takes in addition to its texts and bytes. The same as in SQLite (`vault-schema.ts`), so that the
 * same bounds hold.
 */
const rowBytes = 600;

type Group<Name extends TableName> = Map<string | number, Rows[Name]>;

/**
 * The rows of a vault in memory. The tables count their bytes, and can undo changes, so that a failed transaction
 * changes nothing.
 */
export class VaultTables {
  readonly #tables: { readonly [Name in TableName]: Map<string, Group<Name>> } = {
    collections: new Map(),
    states: new Map(),
    log: new Map(),
    items: new Map(),
    chunks: new Map(),
  };
  readonly #ownId: string;
  readonly #bytesOfCollections = new Map<string, number>();
  readonly #bytesKept: Record<Keeping | 'own', number> = { own: 0, copy: 0, replica: 0 };
  /** Functions that undo the changes of the current transaction. */
  #undo: (() => void)[] = [];

  constructor(ownId: string) {
    this.#ownId = ownId;
  }

  /** Returns the bytes of all rows that are kept for one reason. */
  bytesKept(keeping: Keeping | 'own'): number {
    return this.#bytesKept[keeping];
  }

  get<Name extends TableName>(table: Name, [owner, group, key = '']: RowKey): Rows[Name] | undefined {
    return this.#tables[table].get(groupKeyOf(owner, group))?.get(key);
  }

  /** Returns all rows of a group. Do not change them while you iterate. */
  group<Name extends TableName>(
    table: Name,
    owner: string,
    group: string,
  ): ReadonlyMap<string | number, Rows[Name]> {
    return this.#tables[table].get(groupKeyOf(owner, group)) ?? noRows;
  }

  /** Returns the second part of the keys of an owner's rows. */
  groupNames(table: TableName, owner: string): string[] {
    const start = groupKeyOf(owner, '');
    const names: string[] = [];
    for (const key of this.#tables[table].keys())
      if (key.startsWith(start)) names.push(key.slice(start.length));
    return names;
  }

  change({ table, key, row }: RowChange): void {
    const before = this.get(table, key);
    if (before === undefined && row === undefined) return;
    this.#set(table, key, row);
    this.#undo.push(() => this.#set(table, key, before));
  }

  /** Returns a function that undoes all changes since the last call. */
  takeUndo(): () => void {
    const undo = this.#undo;
    this.#undo = [];
    return () => {
      for (const step of undo.reverse()) step();
    };
  }

  #set(table: TableName, [owner, group, key = '']: RowKey, row: Rows[TableName] | undefined): void {
    const rows = this.#tables[table] as Map<string, Group<TableName>>;
    const groupKey = groupKeyOf(owner, group);
    let ofGroup = rows.get(groupKey);
    const before = ofGroup?.get(key);
    const grownBytes = bytesOf(table, group, row) - bytesOf(table, group, before);
    if (table === 'chunks') this.#bytesKept[owner === this.#ownId ? 'own' : 'replica'] += grownBytes;
    else this.#count(groupKey, grownBytes, table === 'collections' ? [before, row] : undefined);
    if (row === undefined) {
      ofGroup?.delete(key);
      if (ofGroup?.size === 0) rows.delete(groupKey);
      return;
    }
    if (ofGroup === undefined) {
      ofGroup = new Map();
      rows.set(groupKey, ofGroup);
    }
    ofGroup.set(key, row);
  }

  /**
   * Counts the bytes of a row for the reason why its collection is kept. Chunks are not counted here: of other owners'
   * collections, only replicas have chunks.
   *
   * @param change a change of the collection's own row, which may be added, deleted, or kept for another reason.
   */
  #count(
    groupKey: string,
    grownBytes: number,
    change: readonly (Rows[TableName] | undefined)[] | undefined,
  ): void {
    const row = this.#tables.collections.get(groupKey)?.get('');
    const [before, after] = (change ?? [row, row]) as readonly (CollectionRow | undefined)[];
    const countedBytes = this.#bytesOfCollections.get(groupKey) ?? 0;
    const bytes = countedBytes + grownBytes;
    if (before !== undefined) this.#bytesKept[before.keeping] -= countedBytes;
    if (after !== undefined) this.#bytesKept[after.keeping] += bytes;
    if (bytes === 0) this.#bytesOfCollections.delete(groupKey);
    else this.#bytesOfCollections.set(groupKey, bytes);
  }
}

const noRows = new Map<never, never>() as ReadonlyMap<string | number, never>;

function groupKeyOf(owner: string, group: string): string {
  return `${owner} ${group}`;
}

function bytesOf(table: TableName, group: string, row: Rows[TableName] | undefined): number {
  if (row === undefined) return 0;
  const nameBytes = encodeText(group).length;
  switch (table) {
    case 'collections':
      return rowBytes + 2 * nameBytes;
    case 'states':
      return encodeText(row as string).length;
    case 'log':
      return rowBytes + encodeText(row as string).length + nameBytes;
    case 'items': {
      const { body, item, blob } = row as SealedItem;
      return rowBytes + body.length + 4 * nameBytes + 2 * encodeText(item).length + 2 * blob.length;
    }
    case 'chunks':
      return rowBytes + (row as ChunkRow).length;
  }
}
