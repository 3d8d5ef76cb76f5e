/**
 * The tables of a vault's file, see docs/secure-node.md. What is secret in them is encrypted, or wrapped. Chunks go
 * with the item that names them.
 */
export const vaultSchema = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE collections (
    owner TEXT NOT NULL, collection TEXT NOT NULL,
    state TEXT NOT NULL, version INTEGER NOT NULL,
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
`;

/** Deletes, at the start, the chunks whose item was never finished. */
export const abandonedChunks = `
  DELETE FROM chunks WHERE NOT EXISTS
    (SELECT 1 FROM items WHERE items.owner = chunks.owner AND items.blob = chunks.blob AND items.blob <> '')
`;
