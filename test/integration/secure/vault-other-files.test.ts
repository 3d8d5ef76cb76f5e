import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, type TestContext, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { SecureNode } from '../../../src/secure/index.ts';
import { SqliteVaultStore } from '../../../src/secure/vault/sqlite-vault-store.ts';
import { deviceIn } from '../../support/device.ts';
import { withCode } from '../../support/errors.ts';
import '../../support/look-over.ts';

const { id } = Identity.generate();

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-vault-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Every file of a folder, with its content. */
function contentOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'hex')]),
  );
}

/** Opens the vault in another process; gives what came of it. */
function openElsewhere(path: string): string {
  const source = `
    import { SqliteVaultStore } from ${JSON.stringify(import.meta.resolve('../../../src/secure/vault/sqlite-vault-store.ts'))};
    try {
      new SqliteVaultStore(${JSON.stringify(path)}, ${JSON.stringify(id)}).close();
      console.log('opened');
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', source]).toString();
}

suite('the lock of a vault', () => {
  test('stays with its process, also after that process was refused the same file', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'vault.db');
    const store = new SqliteVaultStore(path, id);
    assert.match(openElsewhere(path), /^ERR_VAULT_FILE .* it is already open/);
    symlinkSync(path, join(folder, 'link.db'));
    const another = [
      [path, id],
      [join(folder, 'link.db'), id],
      [path, Identity.generate().id],
    ] as const;
    for (const [where, who] of another) {
      assert.throws(() => new SqliteVaultStore(where, who), withCode('ERR_VAULT_FILE', /it is already open/));
      assert.match(openElsewhere(path), /^ERR_VAULT_FILE .* it is already open/);
    }
    store.saveChunk(id, 'a'.repeat(32), 0, Uint8Array.of(1));
    store.close();
    assert.equal(openElsewhere(path), 'opened\n');
  });

  test('is free again when its process was killed', async (t) => {
    const path = join(temporaryFolder(t), 'vault.db');
    const source = `
      import { SqliteVaultStore } from ${JSON.stringify(import.meta.resolve('../../../src/secure/vault/sqlite-vault-store.ts'))};
      new SqliteVaultStore(${JSON.stringify(path)}, ${JSON.stringify(id)});
      console.log('open');
      setInterval(() => {}, 1_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source]);
    t.after(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    assert.throws(() => new SqliteVaultStore(path, id), withCode('ERR_VAULT_FILE', /it is already open/));
    child.kill('SIGKILL');
    await once(child, 'exit');
    new SqliteVaultStore(path, id).close();
  });
});

suite('a file that is not a vault', () => {
  const others: Readonly<Record<string, string>> = {
    'of other tables': 'CREATE TABLE moz (a); INSERT INTO moz VALUES (1)',
    'with a table items':
      "CREATE TABLE items (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO items VALUES (1, 'x')",
    'with a table meta': "CREATE TABLE meta (name TEXT, value TEXT); INSERT INTO meta VALUES ('format', '1')",
    'with a table log': "CREATE TABLE log (at, line); INSERT INTO log VALUES (1, 'x')",
    'without tables': 'PRAGMA user_version = 7',
    'that says whose it is': 'PRAGMA application_id = 1; CREATE TABLE t (a)',
    'with a write-ahead log': 'PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)',
  };
  for (const [what, sql] of Object.entries(others)) {
    test(`stays as it is: the database of another program, ${what}`, (t) => {
      const folder = temporaryFolder(t);
      const path = join(folder, 'other.db');
      const other = new DatabaseSync(path);
      other.exec(sql);
      const isOpenMeanwhile = what === 'with a write-ahead log';
      if (!isOpenMeanwhile) other.close();
      const before = contentOf(folder);
      assert.throws(() => new SqliteVaultStore(path, id), withCode('ERR_VAULT_FILE', /it is not a vault/));
      assert.deepEqual(contentOf(folder), before);
      if (isOpenMeanwhile) other.close();
    });
  }

  test('stays as it is: a database whose program was killed, and that would be repaired by who opens it', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'other.db');
    const source = `
      const { DatabaseSync } = require('node:sqlite');
      const other = new DatabaseSync(${JSON.stringify(path)});
      other.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
      other.exec('PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN');
      const insert = other.prepare('INSERT INTO t VALUES (zeroblob(4000))');
      for (let count = 0; count < 200; count++) insert.run();
      process.kill(process.pid, 'SIGKILL');`;
    assert.equal(spawnSync(process.execPath, ['-e', source]).signal, 'SIGKILL');
    assert.ok(statSync(`${path}-journal`).size > 0);
    const before = contentOf(folder);
    assert.throws(() => new SqliteVaultStore(path, id), withCode('ERR_VAULT_FILE', /it is not a vault/));
    assert.deepEqual(contentOf(folder), before);
  });

  test('stays as it is: text, short or long, and zeros', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'diary.txt');
    for (const content of ['x', 'my diary\n', 'my diary\n'.repeat(1_000), '\0'.repeat(8_192)]) {
      writeFileSync(path, content);
      assert.throws(() => new SqliteVaultStore(path, id), withCode('ERR_VAULT_FILE', /it is not a vault/));
      assert.deepEqual(contentOf(folder), { 'diary.txt': Buffer.from(content).toString('hex') });
    }
  });

  test('stays as it is: the vault of another identity', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'vault.db');
    new SqliteVaultStore(path, Identity.generate().id).close();
    const before = contentOf(folder);
    assert.throws(() => new SqliteVaultStore(path, id), withCode('ERR_VAULT_FILE', /another identity/));
    assert.deepEqual(contentOf(folder), before);
  });

  test('is refused: a folder, a pipe, a device, a link that leads nowhere', {
    skip: process.platform === 'win32' && 'there are no such files',
  }, (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'folder'));
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    symlinkSync(deviceIn(temporaryFolder(t)), join(folder, 'device'));
    symlinkSync('nowhere', join(folder, 'link'));
    const reasons = {
      folder: /folder/,
      pipe: /pipe/,
      device: /device/,
      link: /symbolic link to a file that does not exist/,
    };
    for (const [name, reason] of Object.entries(reasons)) {
      assert.throws(() => new SqliteVaultStore(join(folder, name), id), withCode('ERR_VAULT_FILE', reason));
    }
    assert.deepEqual(readdirSync(folder).sort(), Object.keys(reasons).sort());
  });

  test('is taken when it is empty: nothing is lost', (t) => {
    const path = join(temporaryFolder(t), 'vault.db');
    writeFileSync(path, '');
    new SqliteVaultStore(path, id).close();
    new SqliteVaultStore(path, id).close();
  });
});

suite('the path of a vault', () => {
  test('is a path whatever it looks like', (t) => {
    const folder = temporaryFolder(t);
    const before = process.cwd();
    t.after(() => process.chdir(before));
    process.chdir(folder);
    for (const path of [':memory:', 'file:x.db?mode=memory', 'a#b?c%20d.db', 'new/vault.db']) {
      const store = new SqliteVaultStore(path, id);
      store.saveItem(item);
      store.close();
      const again = new SqliteVaultStore(path, id);
      assert.equal(again.item(id, 'c', 'i')?.version, 1, path);
      again.close();
      assert.ok(existsSync(path));
    }
  });

  test('cannot be empty, or no text, or hold a NUL', () => {
    for (const path of ['', 'a\0b', 7, null]) {
      const create = () => new SecureNode('127.0.0.1', 0, { vault: { path: path as string } });
      assert.throws(create, { name: 'TypeError', message: /^vault\.path must be the path of a file, not / });
    }
    for (const maxReplicaBytes of [-1, Number.NaN, '5' as never]) {
      const create = () => new SecureNode('127.0.0.1', 0, { vault: { maxReplicaBytes } });
      assert.throws(create, { name: 'RangeError', message: /^vault\.maxReplicaBytes must be / });
    }
  });

  test('leads to a file that only this user can read', {
    skip: process.platform === 'win32' && 'rights are not in the mode',
  }, (t) => {
    const folder = temporaryFolder(t);
    const mask = process.umask(0);
    t.after(() => process.umask(mask));
    const store = new SqliteVaultStore(join(folder, 'deep', 'vault.db'), id);
    store.saveItem(item);
    assert.equal(statSync(join(folder, 'deep')).mode & 0o777, 0o700);
    const files = readdirSync(join(folder, 'deep'));
    assert.ok(files.includes('vault.db-wal'));
    for (const name of files) assert.equal(statSync(join(folder, 'deep', name)).mode & 0o777, 0o600, name);
    store.close();
  });
});

const item = {
  owner: id,
  collection: 'c',
  item: 'i',
  version: 1,
  epoch: 1,
  time: 0,
  deleted: false,
  blob: '',
  body: new Uint8Array(40),
  signature: new Uint8Array(64),
};
