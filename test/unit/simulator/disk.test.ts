import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import { Disk } from '../../../src/simulator/machines/disk.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

const skip = !('serialize' in DatabaseSync.prototype) && 'simulated disks need Node.js 24';

function rows(disk: Disk): unknown[] {
  const database = disk.open('a') as DatabaseSync;
  return database
    .prepare('SELECT value FROM list')
    .all()
    .map(({ value }) => value);
}

/** A disk whose file has one flushed row, and is open. */
function written(synchronous: 'FULL' | 'OFF' = 'OFF'): {
  runtime: VirtualRuntime;
  disk: Disk;
  database: DatabaseSync;
} {
  const runtime = new VirtualRuntime();
  const disk = new Disk(runtime);
  const first = disk.open('a') as DatabaseSync;
  first.exec('CREATE TABLE list (value)');
  first.prepare('INSERT INTO list VALUES (?)').run(1);
  first.close();
  const database = disk.open('a') as DatabaseSync;
  database.exec(`PRAGMA synchronous = ${synchronous}`);
  return { runtime, disk, database };
}

suite('the file of a simulated disk', { skip }, () => {
  test('is open once at a time', () => {
    const { disk, database } = written();
    assert.throws(() => disk.open('a'), { errcode: 5, message: /locked/ });
    database.close();
    assert.deepEqual(rows(disk), [1]);
  });

  test('has what was committed after a crash with power, and nothing of an open transaction', () => {
    const { disk, database } = written();
    database.prepare('INSERT INTO list VALUES (?)').run(2);
    database.exec('BEGIN');
    database.prepare('INSERT INTO list VALUES (?)').run(3);
    disk.onCrash(true);
    assert.deepEqual(rows(disk), [1, 2]);
  });

  test('loses without power what no program flushed in the last 30 s, but no commit that flushes', async () => {
    for (const [synchronous, seconds, left] of [
      ['OFF', 0, [1]],
      ['OFF', 31, [1, 2]],
      ['FULL', 0, [1, 2]],
    ] as const) {
      const { runtime, disk, database } = written(synchronous);
      database.prepare('INSERT INTO list VALUES (?)').run(2);
      await runtime.advance(seconds * 1_000);
      disk.onCrash(false);
      assert.deepEqual(rows(disk), left, `${synchronous}, ${seconds} s`);
    }
  });

  test('that is closed stays as it is in a crash, with power or without, and costs no timer', () => {
    for (const isPowered of [true, false]) {
      const { runtime, disk, database } = written();
      database.prepare('INSERT INTO list VALUES (?)').run(2);
      database.close();
      assert.deepEqual(runtime.pending, []);
      disk.onCrash(isPowered);
      assert.deepEqual(rows(disk), [1, 2]);
    }
  });

  test('takes no row while the disk is full, and what changes nothing does not fail', () => {
    const { disk, database } = written();
    const insert = database.prepare('INSERT INTO list VALUES (?)');
    const change = database.prepare('UPDATE list SET value = 9 WHERE value = ?');
    disk.isFull = true;
    assert.throws(() => insert.run(2), { errcode: 13, message: /full/ });
    assert.throws(() => change.run(1), { errcode: 13 });
    assert.equal(change.run(5).changes, 0);
    assert.throws(() => disk.open('b'), { errcode: 13 });
    disk.isFull = false;
    insert.run(2);
    database.close();
    assert.deepEqual(rows(disk), [1, 2]);
  });
});
