import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { suite, type TestContext, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import { turns } from '../../support/turns.ts';
import { Disk } from './support/full-disk.ts';
import { connect, type TestSecureNode, World } from './support/secure-nodes.ts';

const full = withCode(
  'ERR_VAULT_FILE',
  /^the vault in memory cannot be used: the disk is full; free some space/,
);
const large = 'x'.repeat(20_000);

async function startOn(disk: Disk, world: World, name: string): Promise<TestSecureNode> {
  return disk.with(async () => {
    const node = await world.start(name);
    node.vault.collections();
    return node;
  });
}

/** An owner, and a reader that has read the item `small` in its first version. */
async function ownerAndReader(t: TestContext, onDisk: 'alice' | 'bob') {
  const world = new World(t);
  const disk = new Disk(t);
  const start = (name: string) => (name === onDisk ? startOn(disk, world, name) : world.start(name));
  const [alice, bob] = [await start('alice'), await start('bob')];
  await connect(alice, bob);
  await alice.vault.put('notes', 'small', 'first');
  await alice.vault.grant('notes', bob.id);
  assert.equal(await bob.vault.get(alice.id, 'notes', 'small'), 'first');
  return { world, disk, alice, bob };
}

suite('a vault on a full disk', () => {
  test('says so for each change, keeps what it had, and works again once there is room', async (t) => {
    const { disk, alice, bob } = await ownerAndReader(t, 'alice');
    const before = [alice.vault.collections(), alice.vault.readers('notes'), alice.vault.audit('notes')];
    const many = Array.from({ length: 40 }, () => Identity.generate().id);
    const changes: (() => Promise<void>)[] = [
      () => alice.vault.put('notes', 'large', large),
      () => alice.vault.put('notes', 'small', large),
      () => alice.vault.put('new', 'large', large),
      () => alice.vault.putStream('notes', 'film', [new Uint8Array(100_000)]),
    ];
    for (const id of many) await alice.vault.grant('wide', id);
    for (const id of many.slice(1)) changes.push(() => alice.vault.addReplica('wide', id));
    disk.fill();
    let refused = 0;
    for (const change of changes) {
      await change().catch((error) => {
        full(error);
        refused += 1;
      });
    }
    assert.ok(refused > 4, `${refused} were refused`);
    const [collections, ...rest] = before;
    assert.deepEqual(
      [alice.vault.collections().filter(({ collection }) => collection === 'notes'), ...rest],
      [collections, alice.vault.readers('notes'), alice.vault.audit('notes')],
    );
    assert.equal(await alice.vault.get(alice.id, 'notes', 'small'), 'first');
    assert.equal(await bob.vault.get(alice.id, 'notes', 'small'), 'first');
    disk.free();
    for (const change of changes.slice(0, 4)) await change();
    assert.equal(await bob.vault.get(alice.id, 'notes', 'small'), large);
    assert.equal(await bob.vault.get(alice.id, 'notes', 'large'), large);
    assert.deepEqual(alice.vault.items('new'), ['large']);
  });

  test('that is full only when a change is to be committed changes nothing either', async (t) => {
    const { alice, bob } = await ownerAndReader(t, 'bob');
    const { exec } = DatabaseSync.prototype;
    let isFull = true;
    t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
      if (sql !== 'COMMIT' || !isFull) return exec.call(this, sql);
      exec.call(this, 'ROLLBACK'); // as SQLite does by itself
      throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
    });
    await assert.rejects(alice.vault.put('notes', 'small', 'second'), full);
    await assert.rejects(alice.vault.revoke('notes', bob.id), full);
    assert.deepEqual(
      alice.vault.readers('notes').map(({ id }) => id),
      [bob.id],
    );
    assert.equal(await alice.vault.get(alice.id, 'notes', 'small'), 'first');
    isFull = false;
    await alice.vault.put('notes', 'small', 'third');
    assert.equal(await bob.vault.get(alice.id, 'notes', 'small'), 'third');
  });

  test('keeps no chunk of a large item that did not fit, once there is room', async (t) => {
    const { disk, alice } = await ownerAndReader(t, 'alice');
    const { store } = alice.vaultEngine;
    const blobs = new Set<string>();
    const save = store.saveChunk.bind(store);
    store.saveChunk = (owner, blob, number, body) => {
      if (number === 1) disk.fill();
      blobs.add(blob);
      save(owner, blob, number, body);
    };
    const remove = t.mock.method(store, 'removeChunks', () => {
      throw new Error('not even this');
    });
    const film = [new Uint8Array(1_500_000)];
    await assert.rejects(alice.vault.putStream('notes', 'film', film), full);
    remove.mock.restore();
    const [blob] = blobs;
    assert.equal(store.countChunks(alice.id, blob!), 1, 'a disk that is full can refuse to delete');
    disk.free();
    store.saveChunk = save;
    await alice.vault.putStream('notes', 'film', film);
    assert.equal(store.countChunks(alice.id, blob!), 0);
  });

  test('of a reader is not blamed on the owner, and an older copy does not stand in', async (t) => {
    const { disk, alice, bob } = await ownerAndReader(t, 'bob');
    await alice.vault.put('notes', 'small', large);
    await alice.vault.put('notes', 'large', large);
    disk.fill();
    await assert.rejects(bob.vault.get(alice.id, 'notes', 'small'), full);
    await assert.rejects(bob.vault.get(alice.id, 'notes', 'large'), full);
    const watching = bob.vault.watch(alice.id, 'notes').next();
    await assert.rejects(watching, full);
    disk.free();
    assert.equal(await bob.vault.get(alice.id, 'notes', 'small'), large);
  });

  test('of a reader is told also when a replica has the older version, which is here already', async (t) => {
    const { world, disk, alice, bob } = await ownerAndReader(t, 'bob');
    const replica = await world.start('replica');
    await connect(alice, replica);
    await connect(bob, replica);
    await alice.vault.addReplica('notes', replica.id);
    await alice.vault.sync();
    assert.equal(await bob.vault.get(alice.id, 'notes', 'small'), 'first');
    const stale = await replica.vaultEngine.respond(
      'vault-fetch',
      { owner: alice.id, collection: 'notes', after: 0, item: 'small' },
      bob.id,
    );
    await alice.vault.put('notes', 'small', large);
    replica.vaultEngine.respond = async () => stale;
    disk.fill();
    await assert.rejects(bob.vault.get(alice.id, 'notes', 'small', { from: [replica.id] }), full);
  });

  test('of a replica is told to its owner', async (t) => {
    const { world, alice } = await ownerAndReader(t, 'bob');
    const disk = new Disk(t);
    const replica = await startOn(disk, world, 'replica');
    await connect(alice, replica);
    await alice.vault.addReplica('notes', replica.id);
    await alice.vault.sync();
    disk.fill();
    await alice.vault.put('notes', 'small', large);
    const [result] = await alice.vault.sync();
    assert.ok(withCode('ERR_VAULT_FILE', /refuses/)(result!.error));
    disk.free();
    assert.deepEqual(await alice.vault.sync(), [
      { collection: 'notes', replica: replica.id, error: undefined },
    ]);
  });

  test('that another node claims to have is not taken for one here', async (t) => {
    const { alice, bob } = await ownerAndReader(t, 'bob');
    alice.vaultEngine.respond = async () => ({ error: 'ERR_VAULT_FILE' });
    assert.equal(await bob.vault.get(alice.id, 'notes', 'small'), 'first', 'the copy of an earlier read');
    await assert.rejects(bob.vault.get(alice.id, 'notes', 'new'), withCode('ERR_NO_ROUTE'));
    const changes = bob.vault.watch(alice.id, 'notes');
    const next = changes.next();
    await turns(50);
    await bob.stop();
    assert.deepEqual(await next, { done: true, value: undefined }, 'the watch went on');
  });
});
