/**
 * Bytes that a row takes in addition to its texts and bytes, which are counted as they are: each index repeats the
 * owner's id and the row's own key, and pages are not full. In measurements, the process grew by less.
 */
const rowBytes = 600;

const itemBytes = (row: string): string =>
  `(${rowBytes} + octet_length(${row}.body) + 4 * octet_length(${row}.collection) + 2 * octet_length(${row}.item)
    + 2 * octet_length(${row}.blob))`;
const entryBytes = (row: string): string =>
  `(${rowBytes} + octet_length(${row}.entry) + octet_length(${row}.collection))`;
const chunkBytes = (row: string): string => `(${rowBytes} + octet_length(${row}.body))`;

/** The bytes of rows are added to their collection's, which count for the reason why it is kept. */
const countOf = (row: string, bytes: string): string =>
  `UPDATE collections SET bytes = bytes + ${bytes} WHERE owner = ${row}.owner AND collection = ${row}.collection`;

/** Of other owners' collections, only replicas have chunks. */
const countOfChunk = (row: string, bytes: string): string =>
  `UPDATE usage SET bytes = bytes + ${bytes} WHERE keeping =
     CASE ${row}.owner WHEN (SELECT value FROM meta WHERE name = 'owner') THEN 'own' ELSE 'replica' END`;

const trigger = (name: string, when: string, ...statements: string[]): string =>
  `CREATE TRIGGER ${name} AFTER ${when} BEGIN ${statements.map((one) => `${one};`).join(' ')} END;`;

/**
 * The tables of a vault's file, see docs/secure-node.md. Secret content is encrypted or wrapped. Chunks are deleted
 * with the item that names them. `usage` has the bytes that are kept for each reason at any moment: triggers count each
 * row together with the change itself.
 */
export const vaultSchema = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE usage (keeping TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO usage VALUES ('own', 0), ('copy', 0), ('replica', 0);
  CREATE TABLE collections (
    owner TEXT NOT NULL, collection TEXT NOT NULL,
    state TEXT NOT NULL, sequence INTEGER NOT NULL, version INTEGER NOT NULL,
    keeping TEXT NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (owner, collection)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE log (
    owner TEXT NOT NULL, collection TEXT NOT NULL, sequence INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (owner, collection, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE items (
    owner TEXT NOT NULL, collection TEXT NOT NULL, item TEXT NOT NULL,
    version INTEGER NOT NULL, epoch INTEGER NOT NULL, time INTEGER NOT NULL, deleted INTEGER NOT NULL,
    blob TEXT NOT NULL,
    body BLOB NOT NULL, signature BLOB NOT NULL,
    PRIMARY KEY (owner, collection, item)
  ) STRICT;
  CREATE INDEX items_by_version ON items (owner, collection, version);
  CREATE INDEX items_by_epoch ON items (owner, collection, epoch);
  CREATE INDEX items_by_blob ON items (owner, blob) WHERE blob <> '';
  CREATE TABLE chunks (
    owner TEXT NOT NULL, blob TEXT NOT NULL, number INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (owner, blob, number)
  ) STRICT;
  CREATE TRIGGER chunks_of_changed_item AFTER UPDATE OF blob ON items
    WHEN OLD.blob <> '' AND OLD.blob <> NEW.blob
    BEGIN DELETE FROM chunks WHERE owner = OLD.owner AND blob = OLD.blob; END;
  CREATE TRIGGER chunks_of_deleted_item AFTER DELETE ON items WHEN OLD.blob <> ''
    BEGIN DELETE FROM chunks WHERE owner = OLD.owner AND blob = OLD.blob; END;
  ${trigger('item_added', 'INSERT ON items', countOf('NEW', itemBytes('NEW')))}
  ${trigger('item_changed', 'UPDATE ON items', countOf('NEW', `${itemBytes('NEW')} - ${itemBytes('OLD')}`))}
  ${trigger('item_removed', 'DELETE ON items', countOf('OLD', `-${itemBytes('OLD')}`))}
  ${trigger('entry_added', 'INSERT ON log', countOf('NEW', entryBytes('NEW')))}
  ${trigger('entry_removed', 'DELETE ON log', countOf('OLD', `-${entryBytes('OLD')}`))}
  ${trigger('chunk_added', 'INSERT ON chunks', countOfChunk('NEW', chunkBytes('NEW')))}
  ${trigger('chunk_changed', 'UPDATE ON chunks', countOfChunk('NEW', `${chunkBytes('NEW')} - ${chunkBytes('OLD')}`))}
  ${trigger('chunk_removed', 'DELETE ON chunks', countOfChunk('OLD', `-${chunkBytes('OLD')}`))}
  ${trigger(
    'collection_added',
    'INSERT ON collections',
    'UPDATE usage SET bytes = bytes + NEW.bytes WHERE keeping = NEW.keeping',
  )}
  ${trigger(
    'collection_changed',
    'UPDATE OF keeping, bytes ON collections',
    'UPDATE usage SET bytes = bytes - OLD.bytes WHERE keeping = OLD.keeping',
    'UPDATE usage SET bytes = bytes + NEW.bytes WHERE keeping = NEW.keeping',
  )}
  ${trigger(
    'collection_removed',
    'DELETE ON collections',
    'UPDATE usage SET bytes = bytes - OLD.bytes WHERE keeping = OLD.keeping',
  )}
`;

/** Deletes the chunks whose item was never finished. Runs at the start. */
export const abandonedChunks = `
  DELETE FROM chunks WHERE NOT EXISTS
    (SELECT 1 FROM items WHERE items.owner = chunks.owner AND items.blob = chunks.blob AND items.blob <> '')
`;
