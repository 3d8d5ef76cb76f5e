import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { withCode } from '../../support/errors.ts';
import { connect, trio, World } from './support/secure-nodes.ts';

suite('replicas of the vault', () => {
  test('a replica serves while the owner is away, without being able to read', async (t) => {
    const { world, nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    await alice.vault.addReplica('diary', carol.id);
    await alice.vault.put('diary', 'tuesday', 'sun');
    assert.deepEqual(
      (await alice.vault.sync()).map(({ error }) => error),
      [undefined],
    );
    await assert.rejects(carol.vault.get(alice.id, 'diary', 'monday'), withCode('ERR_NOT_PERMITTED'));
    await alice.stop();
    assert.equal(
      await bob.vault.get(alice.id, 'diary', 'monday'),
      'rain',
      'bob knew nothing of the collection',
    );
    assert.equal(await bob.vault.get(alice.id, 'diary', 'tuesday'), 'sun');
    const dave = await world.start('dave');
    await connect(dave, carol);
    await assert.rejects(dave.vault.get(alice.id, 'diary', 'monday'), withCode('ERR_NOT_PERMITTED'));
  });

  test('a revocation reaches the replica, which then refuses as well', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    await alice.vault.addReplica('diary', carol.id);
    assert.equal(await bob.vault.get(alice.id, 'diary', 'monday'), 'rain');
    await alice.vault.revoke('diary', bob.id);
    await alice.vault.put('diary', 'tuesday', 'secret');
    await alice.vault.sync();
    await alice.stop();
    for (const item of ['monday', 'tuesday']) {
      await assert.rejects(bob.vault.get(alice.id, 'diary', item), withCode('ERR_NOT_PERMITTED'));
    }
  });

  test('reencrypt leaves nothing in a replica that the old key opens', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    for (let count = 0; count < 100; count++) await alice.vault.put('diary', `${count}`, count);
    await alice.vault.delete('diary', '5');
    await alice.vault.grant('diary', bob.id);
    await alice.vault.addReplica('diary', carol.id);
    await alice.vault.sync();
    const epochs = () => {
      const all = { after: 0, maxBytes: Number.POSITIVE_INFINITY };
      const { items } = carol.vaultEngine.store.items(alice.id, 'diary', all);
      return items.map(({ epoch }) => epoch);
    };
    assert.deepEqual(epochs(), Array(100).fill(1));
    await alice.vault.revoke('diary', bob.id, { reencrypt: true });
    await alice.vault.sync();
    assert.deepEqual(epochs(), Array(100).fill(2));
  });

  test('of what replicas answer, a reader takes the newest', async (t) => {
    const { world, nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    const dave = await world.start('dave');
    await connect(dave, alice);
    await connect(bob, dave);
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    for (const { id } of [carol, dave]) await alice.vault.addReplica('diary', id);
    await alice.vault.sync();
    const request = { owner: alice.id, collection: 'diary', after: 0, item: 'monday' };
    const behind = await carol.vaultEngine.respond('vault-fetch', request, bob.id);
    await alice.vault.put('diary', 'monday', 'sun');
    await alice.vault.sync();
    await alice.stop();
    carol.vaultEngine.respond = async () => behind;
    assert.equal(await bob.vault.get(alice.id, 'diary', 'monday'), 'sun');
    await dave.stop();
    await assert.rejects(bob.vault.get(alice.id, 'diary', 'monday'), withCode('ERR_ROLLBACK'));
  });

  test('the local copy serves when nobody can be reached', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    await bob.vault.get(alice.id, 'diary', 'monday');
    await Promise.all([alice.stop(), carol.stop()]);
    assert.equal(await bob.vault.get(alice.id, 'diary', 'monday'), 'rain');
    const unread = bob.vault.get(alice.id, 'diary', 'tuesday');
    await assert.rejects(unread, withCode('ERR_NO_ROUTE'));
  });

  test('a replica that is none any more deletes its copy', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    await alice.vault.addReplica('diary', carol.id);
    await alice.vault.sync();
    await alice.vault.removeReplica('diary', carol.id);
    await alice.stop();
    await assert.rejects(
      bob.vault.get(alice.id, 'diary', 'monday', { from: [carol.id] }),
      withCode('ERR_NOT_FOUND'),
    );
  });

  test('a replica keeps no more than it allows', async (t) => {
    const world = new World(t);
    const alice = await world.start('alice');
    const carol = await world.start('carol', { vault: { maxReplicaBytes: 5_000 } });
    await connect(alice, carol);
    await alice.vault.put('big', 'small', 'x'.repeat(500));
    await alice.vault.addReplica('big', carol.id);
    assert.deepEqual((await alice.vault.sync())[0]!.error, undefined);
    await alice.vault.put('big', 'more', 'x'.repeat(4_000));
    const [result] = await alice.vault.sync();
    assert.throws(() => {
      throw result!.error;
    }, withCode('ERR_MESSAGE_TOO_LARGE'));
  });
});
