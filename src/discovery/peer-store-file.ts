import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { messageOf } from '../base/arguments.ts';
import { requiredBuiltin } from '../base/builtin.ts';
import { PeerloomError } from '../base/errors.ts';
import { createPrivateFile, isRegularFile } from '../identity/private-file.ts';

/** The application id in the header of an SQLite file that is a peer store: 'plps' in ASCII. */
const applicationId = 0x70_6c_70_73;

const formatVersion = 1;

/** The most nodes in a file, of all networks together. */
export const maxStoredNodes = 512;

/** SQLite's primary result codes whose own texts do not help users. */
const busy = 5;
const damaged: readonly (number | undefined)[] = [11, 26];

const schema = `
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
  CREATE TABLE nodes (
    network TEXT NOT NULL,
    id TEXT NOT NULL,
    addresses TEXT NOT NULL,
    is_proven INTEGER NOT NULL,
    last_connected_at INTEGER NOT NULL,
    PRIMARY KEY (network, id)
  ) STRICT, WITHOUT ROWID;
`;

/** A node that this one was connected with. */
export interface StoredNode {
  readonly id: string;
  readonly addresses: readonly string[];
  /** Whether this node has dialled the first address and reached that very node. */
  readonly isProven: boolean;
  /** Milliseconds since 1970. */
  readonly lastConnectedAt: number;
}

/** The SQLite file of a peer store, which one process at a time may use. */
export class PeerStoreFile {
  readonly #path: string;
  readonly #network: string;
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #trim: StatementSync;

  /**
   * Opens the file, or creates it for its user alone.
   *
   * @throws PeerloomError `ERR_PEER_STORE`; `ERR_TRANSPORT_UNAVAILABLE` outside Node.js.
   */
  constructor(path: string, network: string) {
    const { DatabaseSync: Database } = requiredBuiltin('node:sqlite', 'peerStore');
    this.#path = path;
    this.#network = network;
    let database: DatabaseSync | undefined;
    try {
      const file = requiredBuiltin('node:path', 'peerStore').resolve(path);
      if (!isRegularFile(file)) createPrivateFile(file, '');
      database = new Database(file, { timeout: 0 });
      this.#database = database;
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE');
      this.#prepare();
      database.exec('COMMIT; PRAGMA journal_mode = WAL');
      this.#put = database.prepare(
        `INSERT INTO nodes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET addresses = excluded.addresses,
        is_proven = max(is_proven, excluded.is_proven), last_connected_at = excluded.last_connected_at`,
      );
      // Nodes that only connected drive out each other, but no node that this one has reached.
      this.#trim = database.prepare(
        `DELETE FROM nodes WHERE (network, id) IN (SELECT network, id FROM nodes
        ORDER BY is_proven DESC, last_connected_at DESC LIMIT -1 OFFSET ${maxStoredNodes})`,
      );
    } catch (cause) {
      database?.close();
      throw this.#explained(cause);
    }
  }

  /** Returns the nodes of the network, the best first. @throws PeerloomError `ERR_PEER_STORE`. */
  load(): readonly StoredNode[] {
    return this.#guard(() => {
      const rows = this.#database
        .prepare('SELECT * FROM nodes WHERE network = ? ORDER BY is_proven DESC, last_connected_at DESC')
        .all(this.#network);
      return rows.map(({ id, addresses, is_proven: isProven, last_connected_at: lastConnectedAt }) => ({
        id: String(id),
        addresses: textsIn(String(addresses)),
        isProven: isProven === 1,
        lastConnectedAt: Number(lastConnectedAt),
      }));
    });
  }

  /** @throws PeerloomError `ERR_PEER_STORE`. */
  put({ id, addresses, isProven, lastConnectedAt }: StoredNode): void {
    this.#guard(() => {
      this.#put.run(
        this.#network,
        id,
        JSON.stringify(addresses),
        Number(isProven),
        Math.trunc(lastConnectedAt),
      );
      this.#trim.run();
    });
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(): void {
    const database = this.#database;
    const { application_id: application } = database.prepare('PRAGMA application_id').get()!;
    if (application !== applicationId) {
      const isNew = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
      if (!isNew || application !== 0) {
        throw new Error('it is not a peer store but another file, which was not changed; use another path');
      }
      database.exec(schema);
    }
    const { user_version: version } = database.prepare('PRAGMA user_version').get()!;
    if (version !== formatVersion) throw new Error('it was written by another version of peerloom');
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(cause: unknown): unknown {
    if (cause instanceof PeerloomError) return cause;
    const { errcode } = cause as { errcode?: number };
    const code = errcode === undefined ? undefined : errcode & 0xff;
    const isDamaged = damaged.includes(code) || cause instanceof SyntaxError;
    const reason =
      code === busy
        ? 'it is already open, in another process or in this one; give each node a file of its own'
        : isDamaged
          ? 'it is damaged or not an SQLite file; delete it, or use another path'
          : messageOf(cause);
    return new PeerloomError('ERR_PEER_STORE', `the peer store ${this.#path} cannot be used: ${reason}`, {
      cause,
    });
  }
}

/** @throws SyntaxError if the text is not a JSON list of texts. */
function textsIn(json: string): readonly string[] {
  const texts: unknown = JSON.parse(json);
  if (Array.isArray(texts) && texts.every((text) => typeof text === 'string')) return texts;
  throw new SyntaxError('no list of addresses');
}
