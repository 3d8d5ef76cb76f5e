import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, type TestContext, test } from 'node:test';
import { SqliteStore } from '../../../../src/overlay/history/sqlite-store.ts';
import { withCode } from '../../../support/errors.ts';
import { signedBroadcast } from '../../../support/signed-broadcast.ts';

const owner = { network: 'net', topic: 'chat' };

function pathFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'below', 'chat.db');
}

suite('a history in a file', () => {
  test('holds what it was given, and its floor, when it is opened again', (t) => {
    const path = pathFor(t);
    const store = new SqliteStore(path, owner);
    assert.deepEqual(store.load(), { broadcasts: [], floorUs: 0 });
    const broadcasts = [30, 10, 20].map((timeUs) => signedBroadcast({ network: 'net', timeUs }));
    for (const each of broadcasts) store.add(each, each.bytes);
    store.remove([broadcasts[1]!.id], 10);
    store.close();
    const again = new SqliteStore(path, owner);
    const { floorUs, broadcasts: stored } = again.load();
    assert.equal(floorUs, 10);
    assert.deepEqual(
      [...stored],
      [broadcasts[2]!, broadcasts[0]!].map(({ id, timeUs, bytes: { length } }) => ({ id, timeUs, length })),
    );
    assert.deepEqual(again.read(broadcasts[0]!.id), broadcasts[0]!.bytes);
    assert.equal(again.read(broadcasts[1]!.id), undefined);
    again.close();
    assert.equal(statSync(path).mode & 0o077, 0, 'for its user alone');
  });

  test('belongs to one topic of one network, and is open once', (t) => {
    const path = pathFor(t);
    const store = new SqliteStore(path, owner);
    assert.throws(() => new SqliteStore(path, owner), withCode('ERR_HISTORY_FILE'));
    store.close();
    for (const other of [
      { network: 'net', topic: 'chess' },
      { network: '', topic: 'chat' },
    ]) {
      assert.throws(() => new SqliteStore(path, other), withCode('ERR_HISTORY_FILE'));
    }
    new SqliteStore(path, owner).close();
  });

  test('is not made of other files, which stay as they are', (t) => {
    const path = pathFor(t);
    const folder = join(path, '..');
    new SqliteStore(path, owner).close();
    const text = join(folder, 'text');
    writeFileSync(
      text,
      'not a database, but a text that is long enough to be read as the header of one'.repeat(3),
    );
    const other = join(folder, 'other.db');
    const database = new DatabaseSync(other);
    database.exec('CREATE TABLE broadcasts (mine)');
    database.close();
    for (const file of [text, other, folder]) {
      const before = file === folder ? '' : readFileSync(file, 'hex');
      assert.throws(() => new SqliteStore(file, owner), withCode('ERR_HISTORY_FILE'));
      if (file !== folder) assert.equal(readFileSync(file, 'hex'), before);
    }
  });

  test('does not give out bytes that have changed in the file', (t) => {
    const path = pathFor(t);
    const store = new SqliteStore(path, owner);
    const broadcast = signedBroadcast({ network: 'net' });
    store.add(broadcast, broadcast.bytes);
    store.close();
    const database = new DatabaseSync(path);
    database.prepare('UPDATE broadcasts SET bytes = ?').run(new Uint8Array(200));
    database.close();
    const again = new SqliteStore(path, owner);
    assert.equal(again.read(broadcast.id), undefined);
    again.close();
  });
});
