import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Identity } from '../../../src/index.ts';
import { encryptionKeysOf, HpkeOpener } from '../../../src/secure/hpke.ts';
import { EpochKeys } from '../../../src/secure/vault/epoch-keys.ts';
import { openItem } from '../../../src/secure/vault/item.ts';
import { withCode } from '../../support/errors.ts';
import { collection, honestAnswer, lie, setUp } from './support/attack-scene.ts';

suite('attacks on the vault: others', () => {
  test('a reader who passes on the manifest and the items opens nothing for others', async (t) => {
    const { alice, bob, replica } = await setUp(t);
    assert.equal(await bob.vault.get(alice.id, collection, 'pulse'), 60);
    const all = await replica.vaultEngine.respond(
      'vault-fetch',
      { owner: alice.id, collection, after: 0, item: 'pulse' },
      bob.id,
    );
    bob.vaultEngine.respond = async () => all;
    await alice.stop();
    const read = replica.vault.get(alice.id, collection, 'pulse', { from: [bob.id] });
    await assert.rejects(read, withCode('ERR_NOT_PERMITTED'));
  });

  test('a revoked reader gets nothing for an old wrap, and the old key opens nothing new', async (t) => {
    const scene = await setUp(t);
    const { alice, bob, replica, identity } = scene;
    const old = await honestAnswer(scene, 'pulse');
    await alice.vault.revoke(collection, bob.id);
    await alice.vault.put(collection, 'pulse', 'secret');
    await alice.vault.sync();
    await assert.rejects(bob.vault.get(alice.id, collection, 'pulse'), withCode('ERR_NOT_PERMITTED'));
    const fresh = await honestAnswer(scene, 'pulse');
    lie(replica, () => fresh);
    await alice.stop();
    await assert.rejects(bob.vault.get(alice.id, collection, 'pulse'), withCode('ERR_NOT_PERMITTED'));
    const keys = new EpochKeys(alice.id, new HpkeOpener(encryptionKeysOf(identity)));
    const [epoch] = old.state!.epochs;
    const key = await keys.unwrap({ owner: alice.id, collection, epoch: 1 }, epoch);
    assert.deepEqual(
      openItem(old.items[0]!, key),
      Uint8Array.of(1, 54, 48),
      'what was read before stays readable',
    );
    assert.throws(() => openItem(fresh.items[0]!, key), withCode('ERR_DECRYPTION'));
    const posing = { ...fresh.items[0]!, epoch: 1 };
    assert.throws(() => openItem(posing, key), withCode('ERR_DECRYPTION'));
  });

  test('a wrap opens for its reader, its epoch and its collection alone, also once it was opened', async () => {
    const [alice, bob, carol] = [Identity.generate(), Identity.generate(), Identity.generate()];
    const keysOf = (who: Identity) => new EpochKeys(who.id, new HpkeOpener(encryptionKeysOf(who)));
    const [ofAlice, ofBob, ofCarol] = [keysOf(alice), keysOf(bob), keysOf(carol)];
    const name = { owner: alice.id, collection, epoch: 1 };
    const epoch = await ofAlice.newEpoch(name, 0, [bob.id]);
    const key = await ofAlice.unwrap(name, epoch);
    const wrap = epoch.wraps[bob.id]!;
    for (const round of ['cold', 'warm']) {
      await assert.rejects(ofCarol.unwrap(name, epoch), withCode('ERR_NOT_PERMITTED'), round);
      const swapped = { ...epoch, wraps: { [carol.id]: wrap, [bob.id]: epoch.wraps[alice.id]! } };
      for (const keys of [ofBob, ofCarol]) {
        await assert.rejects(keys.unwrap(name, swapped), withCode('ERR_DECRYPTION'), round);
      }
      for (const other of [
        { ...name, epoch: 2 },
        { ...name, collection: 'x' },
        { ...name, owner: carol.id },
      ]) {
        await assert.rejects(ofBob.unwrap(other, epoch), withCode('ERR_DECRYPTION'), round);
      }
      const broken = { ...epoch, wraps: { [bob.id]: '!' } };
      await assert.rejects(ofBob.unwrap(name, broken), withCode('ERR_DECRYPTION'), round);
      assert.deepEqual(await ofBob.unwrap(name, epoch), key, round);
    }
  });

  test('nobody but the owner stores in a replica', async (t) => {
    const { alice, bob, replica } = await setUp(t);
    const request = { owner: alice.id, collection, log: [], state: null, items: [], upTo: 0 };
    assert.deepEqual(await replica.vaultEngine.respond('vault-store', request, bob.id), {
      error: 'ERR_NOT_PERMITTED',
    });
    const own = { ...request, owner: replica.id };
    assert.deepEqual(await replica.vaultEngine.respond('vault-store', own, replica.id), {
      error: 'ERR_NOT_PERMITTED',
    });
    for (const nonsense of [null, 'x', {}, { ...request, log: 1 }, { ...request, upTo: 0.5 }]) {
      const answer = await replica.vaultEngine.respond('vault-store', nonsense as Data, alice.id);
      assert.deepEqual(answer, { error: 'ERR_VAULT_INVALID' });
    }
  });

  test('a stranger learns neither content nor manifest', async (t) => {
    const { alice, replica } = await setUp(t);
    const stranger = Identity.generate().id;
    for (const node of [alice, replica]) {
      for (const what of [{ item: 'pulse' }, { since: 0 }, { item: 'none' }]) {
        const request = { owner: alice.id, collection, after: 0, ...what };
        const answer = await node.vaultEngine.respond('vault-fetch', request, stranger);
        assert.deepEqual(answer, { error: 'ERR_NOT_PERMITTED' });
      }
    }
  });
});
