/** The tables of a vault's file, see docs/secure-node.md. What is secret in them is encrypted, or wrapped. */
export const vaultSchema = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS collections (
    owner TEXT NOT NULL, collection TEXT NOT NULL,
    state TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (owner, collection)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log (
    owner TEXT NOT NULL, collection TEXT NOT NULL, sequence INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (owner, collection, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS items (
    owner TEXT NOT NULL, collection TEXT NOT NULL, item TEXT NOT NULL,
    version INTEGER NOT NULL, epoch INTEGER NOT NULL, time INTEGER NOT NULL, deleted INTEGER NOT NULL,
    body BLOB NOT NULL, signature BLOB NOT NULL,
    PRIMARY KEY (owner, collection, item)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS items_by_version ON items (owner, collection, version);
  CREATE INDEX IF NOT EXISTS items_by_epoch ON items (owner, collection, epoch);
`;
