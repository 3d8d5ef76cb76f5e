import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, type TestContext, test } from 'node:test';
import { Identity } from '../../../../src/index.ts';
import { VaultDatabase } from '../../../../src/secure/vault/vault-database.ts';
import { withCode } from '../../../support/errors.ts';

const { id } = Identity.generate();

function pathIn(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-database-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'vault.db');
}

function openInMemory(t: TestContext): VaultDatabase {
  const database = new VaultDatabase(undefined, id);
  t.after(() => database.close());
  return database;
}

const put = (database: VaultDatabase, name: string) =>
  database.run('INSERT INTO meta VALUES (?, ?)', name, 'x');
const names = (database: VaultDatabase) =>
  database.all("SELECT name FROM meta WHERE value = 'x' ORDER BY name").map(({ name }) => name);

/** Lets SQLite fail as it does when a file or its disk is to blame. */
function failWith(
  t: TestContext,
  sql: string,
  errcode: number,
  before = (_: DatabaseSync): void => {},
): void {
  const { exec } = DatabaseSync.prototype;
  t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, statement: string) {
    if (statement !== sql) return exec.call(this, statement);
    before(this);
    throw Object.assign(new Error('said by SQLite'), { code: 'ERR_SQLITE_ERROR', errcode });
  });
}

suite('a transaction', () => {
  test('happens as a whole, or not at all', (t) => {
    const database = openInMemory(t);
    assert.equal(
      database.transaction(() => {
        put(database, 'a');
        put(database, 'b');
        return 7;
      }),
      7,
    );
    const fails = () =>
      database.transaction(() => {
        put(database, 'c');
        throw new Error('halfway');
      });
    assert.throws(fails, /halfway/);
    assert.deepEqual(names(database), ['a', 'b']);
    put(database, 'd');
    assert.deepEqual(names(database), ['a', 'b', 'd']);
  });

  test('within another is part of it', (t) => {
    const database = openInMemory(t);
    const fails = () =>
      database.transaction(() => {
        database.transaction(() => put(database, 'inner'));
        throw new Error('outside');
      });
    assert.throws(fails, /outside/);
    assert.deepEqual(names(database), []);
    database.transaction(() => {
      put(database, 'outer');
      const inner = () =>
        database.transaction(() => {
          throw new Error('inside');
        });
      assert.throws(inner, /inside/);
    });
    assert.deepEqual(names(database), ['outer'], 'whoever catches an error decides');
  });

  test('that cannot be committed is undone, whether SQLite has done that itself or not', (t) => {
    const database = openInMemory(t);
    const reason = withCode('ERR_VAULT_FILE', /the disk is full/);
    for (const undo of [(_: DatabaseSync) => {}, (sqlite: DatabaseSync) => sqlite.exec('ROLLBACK')]) {
      failWith(t, 'COMMIT', 13, undo);
      assert.throws(() => database.transaction(() => put(database, 'a')), reason);
      t.mock.restoreAll();
      assert.deepEqual(names(database), []);
    }
    database.transaction(() => put(database, 'b'));
    assert.deepEqual(names(database), ['b']);
  });

  test('that cannot begin changes nothing', (t) => {
    const database = openInMemory(t);
    failWith(t, 'BEGIN IMMEDIATE', 5);
    const change = () => database.transaction(() => assert.fail('it has not begun'));
    assert.throws(change, withCode('ERR_VAULT_FILE', /it is already open/));
  });
});

suite('what SQLite says', () => {
  test('is told in words of ours when the file or its disk is to blame', (t) => {
    const database = openInMemory(t);
    const reasons: [number, RegExp][] = [
      [5, /^the vault in memory cannot be used: it is already open, in another process or in this one$/],
      [8, /: said by SQLite$/],
      [10, /: said by SQLite$/],
      [11, /: it is damaged; restore a copy of it, or import an export into a new vault$/],
      [13, /: the disk is full; free some space and try again$/],
      [14, /: said by SQLite$/],
      [26, /: it is damaged; /],
      [13 + 256, /: the disk is full; /], // an extended code
    ];
    for (const [code, message] of reasons) {
      failWith(t, 'COMMIT', code);
      assert.throws(
        () => database.transaction(() => {}),
        (error: Error) => {
          withCode('ERR_VAULT_FILE', message)(error);
          assert.equal((error.cause as Error).message, 'said by SQLite');
          return true;
        },
      );
      t.mock.restoreAll();
    }
  });

  test('is not blamed on the file when the program is to blame', (t) => {
    const database = openInMemory(t);
    put(database, 'a');
    for (const wrong of [
      () => put(database, 'a'),
      () => database.all('SELECT nothing'),
      () => database.run('x'),
    ]) {
      assert.throws(wrong, { code: 'ERR_SQLITE_ERROR' });
    }
    failWith(t, 'COMMIT', 1);
    assert.throws(() => database.transaction(() => {}), { code: 'ERR_SQLITE_ERROR' });
  });

  test('of a file that is damaged further on is told wherever the damage is met', (t) => {
    const path = pathIn(t);
    const database = new VaultDatabase(path, id);
    database.transaction(() => {
      for (let count = 0; count < 2_000; count++) {
        database.run('INSERT INTO log VALUES (?, ?, ?, ?)', id, 'c', count, 'x'.repeat(100));
      }
    });
    database.close();
    const bytes = readFileSync(path);
    for (let page = 40; page < bytes.length / 4_096; page++)
      bytes.fill(0xff, page * 4_096, page * 4_096 + 100);
    writeFileSync(path, bytes);
    const damaged = withCode('ERR_VAULT_FILE', /it is damaged/);
    const again = new VaultDatabase(path, id);
    assert.throws(() => again.all('SELECT * FROM log'), damaged);
    assert.throws(() => [...again.iterate('SELECT * FROM log ORDER BY sequence')], damaged);
    assert.throws(() => again.get('SELECT COUNT(entry) FROM log NOT INDEXED'), damaged);
    assert.throws(() => again.run("UPDATE log SET entry = 'y'"), damaged);
    again.close();
  });
});

test('no statement numbers its parameters: Node.js 22.18 does not bind those', () => {
  const folder = join(import.meta.dirname, '../../../../src/secure/vault');
  const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  assert.ok(sources.some((source) => source.includes('VALUES (?, ?')));
  for (const source of sources) assert.doesNotMatch(source, /\?\d/);
});

suite('rows', () => {
  test('are given one by one, and may be left early', (t) => {
    const database = openInMemory(t);
    for (const name of ['a', 'b', 'c']) put(database, name);
    const sql = "SELECT name FROM meta WHERE value = 'x' ORDER BY name";
    const seen: unknown[] = [];
    for (const { name } of database.iterate(sql)) {
      seen.push(name);
      if (name === 'b') break;
    }
    assert.deepEqual(seen, ['a', 'b']);
    database.transaction(() => put(database, 'd')); // a row that is still open would hold it up
    assert.deepEqual(
      [...database.iterate(sql)].map(({ name }) => name),
      ['a', 'b', 'c', 'd'],
    );
    assert.deepEqual([...database.iterate("SELECT 1 FROM meta WHERE name = 'none'")], []);
  });

  test('are counted when they are changed', (t) => {
    const database = openInMemory(t);
    for (const name of ['a', 'b', 'c']) assert.equal(put(database, name), 1);
    assert.equal(database.run("DELETE FROM meta WHERE value = 'x'"), 3);
    assert.equal(database.run("DELETE FROM meta WHERE value = 'x'"), 0);
  });
});

suite('a file', () => {
  test('of another version of peerloom is left as it is', (t) => {
    const path = pathIn(t);
    const database = new VaultDatabase(path, id);
    database.run("UPDATE meta SET value = '0' WHERE name = 'format'");
    database.close();
    const before = readFileSync(path);
    assert.throws(
      () => new VaultDatabase(path, id),
      withCode('ERR_VAULT_FILE', /cannot be used: it was written by another version of peerloom$/),
    );
    assert.deepEqual(readFileSync(path), before);
  });

  test('can be used by others once it is closed, also when it was refused', (t) => {
    const path = pathIn(t);
    new VaultDatabase(path, id).close();
    for (let count = 0; count < 3; count++) {
      const another = () => new VaultDatabase(path, Identity.generate().id);
      assert.throws(another, withCode('ERR_VAULT_FILE', /it belongs to another identity$/));
    }
    const database = new VaultDatabase(path, id);
    database.close();
    for (const use of [
      () => put(database, 'a'),
      () => [...database.iterate('SELECT 1')],
      () => database.all('x'),
    ]) {
      assert.throws(use, withCode('ERR_NOT_STARTED', /its node stopped/));
    }
  });

  test('keeps what is in it from one opening to the next, flushed to the disk', (t) => {
    const path = pathIn(t);
    const database = new VaultDatabase(path, id);
    put(database, 'a');
    assert.deepEqual(
      ['journal_mode', 'synchronous', 'locking_mode'].map(
        (name) => Object.values(database.get(`PRAGMA ${name}`)!)[0],
      ),
      ['wal', 2, 'exclusive'],
    );
    database.close();
    const again = new VaultDatabase(path, id);
    assert.deepEqual(names(again), ['a']);
    assert.deepEqual(Object.values(again.get('PRAGMA journal_mode')!), ['wal']);
    again.close();
  });
});
