import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../../src/index.ts';
import { dataToBytes } from '../../../../src/secure/data-bytes.ts';
import { Replicator } from '../../../../src/secure/vault/replicator.ts';
import { withCode } from '../../../support/errors.ts';
import { turns, until } from '../../../support/turns.ts';
import { type Member, Vaults } from './support/vaults.ts';

async function setUp() {
  const vaults = new Vaults();
  const alice = vaults.start({ maxMessageBytes: 8_000 });
  const replica = vaults.start();
  await alice.vault.put('c', 'one', 1);
  const questions = () => vaults.askedOf(replica).length;
  return { vaults, alice, replica, questions };
}

function itemsAt(replica: Member, owner: Member): string[] {
  return replica.engine.store.itemNames(owner.id, 'c');
}

const errorsOf = async ({ vault }: Member) => (await vault.sync()).map(({ error }) => error);

suite('an owner brings a replica up to date', () => {
  test('and asks it nothing any more, whoever comes', async () => {
    const { alice, replica, questions } = await setUp();
    await alice.vault.addReplica('c', replica.id);
    assert.deepEqual(await errorsOf(alice), [undefined]);
    assert.deepEqual(itemsAt(replica, alice), ['one']);
    const before = questions();
    for (let count = 0; count < 5; count++) alice.engine.onConnected();
    await turns();
    assert.equal(questions(), before);
  });

  test('when it comes back, once, and after that nothing any more', async () => {
    const { vaults, alice, replica, questions } = await setUp();
    vaults.leave(replica);
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.put('c', 'two', 2);
    assert.ok(withCode('ERR_NO_ROUTE')((await errorsOf(alice))[0]));
    alice.engine.onConnected();
    await turns();
    assert.deepEqual(itemsAt(replica, alice), []);
    vaults.comeBack(replica);
    alice.engine.onConnected();
    await until(() => itemsAt(replica, alice).length === 2, 'the replica has both items');
    await turns();
    const before = questions();
    alice.engine.onConnected();
    await turns();
    assert.equal(questions(), before);
  });

  test('at its start, without a change: the replica may have missed the last one', async (t) => {
    const { vaults, alice, replica } = await setUp();
    vaults.leave(replica);
    await alice.vault.addReplica('c', replica.id);
    const exported = await alice.vault.export();
    const again = vaults.start({ identity: alice.identity });
    await again.vault.import(exported);
    // The owner's start is that of its replicator, which finds what is there.
    const network = {
      ask: t.mock.fn(async () => ({ sequence: 9, version: Number.MAX_SAFE_INTEGER })),
      openStream: async () => undefined,
      neighbours: () => [],
    };
    const { id: ownId } = alice;
    const replicator = new Replicator({ ownId, store: again.engine.store, network, batchBytes: 1_000 });
    replicator.retry();
    await turns();
    assert.equal(network.ask.mock.callCount(), 1);
    replicator.retry();
    await turns();
    assert.equal(network.ask.mock.callCount(), 1, 'it has everything');
  });

  test('with what changes while that is under way, before the sync of the change ends', async () => {
    const { vaults, alice, replica } = await setUp();
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let isFirst = true;
    vaults.answer(replica, async ({ data }, honest) => {
      const answer = await honest();
      // The owner has taken from its store what it gives, and waits for the answer.
      if (isFirst && (data.items as unknown[] | undefined)?.length) {
        isFirst = false;
        reached.resolve();
        await gate.promise;
      }
      return answer;
    });
    await alice.vault.addReplica('c', replica.id);
    const first = alice.vault.sync();
    await reached.promise;
    await alice.vault.put('c', 'late', 1);
    const second = alice.vault.sync();
    gate.resolve();
    assert.deepEqual(
      (await Promise.all([first, second])).flat().map(({ error }) => error),
      [undefined, undefined],
    );
    assert.deepEqual(itemsAt(replica, alice), ['late', 'one']);
  });

  test('by a try of its own for whoever asks while one is under way, which may fail', async () => {
    const { vaults, alice, replica } = await setUp();
    vaults.leave(replica);
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.sync();
    vaults.comeBack(replica);
    const gate = Promise.withResolvers<void>();
    vaults.answer(replica, async () => {
      await gate.promise;
      vaults.answer(replica, undefined);
      return { error: 'ERR_VAULT_FILE' };
    });
    const tries = [alice.vault.sync(), alice.vault.sync()];
    await turns();
    gate.resolve();
    const [first, second] = (await Promise.all(tries)).flat();
    assert.ok(withCode('ERR_VAULT_FILE')(first!.error));
    assert.equal(second!.error, undefined);
    assert.deepEqual(itemsAt(replica, alice), ['one']);
  });

  test('one time for all changes that come while it is under way', async () => {
    const { vaults, alice, replica, questions } = await setUp();
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.sync();
    const gate = Promise.withResolvers<void>();
    vaults.answer(replica, async (_question, honest) => {
      await gate.promise;
      return honest();
    });
    const before = questions();
    for (let count = 0; count < 20; count++) await alice.vault.put('c', `item ${count}`, count);
    const synced = Promise.all([alice.vault.sync(), alice.vault.sync()]);
    gate.resolve();
    assert.deepEqual(
      (await synced).flat().map(({ error }) => error),
      [undefined, undefined],
    );
    assert.equal(itemsAt(replica, alice).length, 21);
    assert.ok(questions() - before <= 6, `${questions() - before} questions`);
  });

  test('each by itself: one that fails or does not answer keeps no other from its share', async () => {
    const { vaults, alice, replica } = await setUp();
    const [silent, failing] = [vaults.start(), vaults.start()];
    vaults.answer(silent, () => new Promise(() => {}));
    vaults.answer(failing, () => ({ error: 'ERR_MESSAGE_TOO_LARGE' }));
    for (const { id } of [silent, failing, replica]) await alice.vault.addReplica('c', id);
    await until(() => itemsAt(replica, alice).length === 1, 'the honest one has everything');
    const failed = alice.engine.replicator.push({ collection: 'c', replica: failing.id });
    await assert.rejects(failed, withCode('ERR_MESSAGE_TOO_LARGE'));
  });

  test('piece by piece, in messages that it can take', async () => {
    const { vaults, alice, replica } = await setUp();
    for (let count = 0; count < 10; count++) await alice.vault.put('c', `item ${count}`, 'x'.repeat(1_500));
    await alice.vault.putStream('c', 'film', [new Uint8Array(20_000)]);
    await alice.vault.addReplica('c', replica.id);
    assert.deepEqual(await errorsOf(alice), [undefined]);
    assert.equal(itemsAt(replica, alice).length, 12);
    const { blob } = alice.engine.store.item(alice.id, 'c', 'film')!;
    const count = alice.engine.store.countChunks(alice.id, blob);
    assert.ok(count > 4);
    assert.equal(replica.engine.store.countChunks(alice.id, blob), count);
    const sizes = vaults.asked.map(({ data }) => dataToBytes(data).length);
    assert.ok(Math.max(...sizes) < 8_000, `${Math.max(...sizes)} bytes in a message`);
    const { version } = alice.engine.store.collection(alice.id, 'c')!;
    assert.equal(replica.engine.store.collection(alice.id, 'c')!.version, version);
  });

  test('goes on with the chunks of a large item where it was broken off', async () => {
    const { vaults, alice, replica } = await setUp();
    await alice.vault.putStream('c', 'film', [new Uint8Array(20_000)]);
    let given = 0;
    vaults.answer(replica, ({ topic, data }, honest) => {
      if (topic === 'vault-store-chunk' && data.body !== null && ++given === 3) throw new Error('lost');
      return honest();
    });
    vaults.leave(replica);
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.sync();
    vaults.comeBack(replica);
    assert.match(String((await errorsOf(alice))[0]), /lost/);
    const numbers = () =>
      vaults.asked
        .filter(({ topic, data }) => topic === 'vault-store-chunk' && data.body !== null)
        .map(({ data }) => data.number);
    const before = numbers().length;
    assert.deepEqual(await errorsOf(alice), [undefined]);
    assert.deepEqual(numbers().slice(before, before + 2), [2, 3]);
  });

  test('that is none any more: it hears so, and gets no items', async () => {
    const { vaults, alice, replica } = await setUp();
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.sync();
    vaults.leave(replica);
    await alice.vault.put('c', 'secret', 2);
    await alice.vault.removeReplica('c', replica.id);
    vaults.comeBack(replica);
    const before = vaults.asked.length;
    await alice.engine.replicator.push({ collection: 'c', replica: replica.id });
    assert.equal(replica.engine.store.collection(alice.id, 'c'), undefined);
    const given = vaults.asked.slice(before).flatMap(({ data }) => data.items as unknown[]);
    assert.deepEqual(given, []);
  });

  test('and gives up one that does not keep what it receives, whatever it claims to have', async () => {
    const maxQuestions = 30;
    const { vaults, alice, replica } = await setUp();
    await alice.vault.putStream('c', 'film', [new Uint8Array(20_000)]);
    vaults.leave(replica);
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.sync();
    vaults.comeBack(replica);
    const { head, version } = alice.engine.store.collection(alice.id, 'c')!;
    const { sequence } = head;
    const claims: [string, Data, Data][] = [
      ['nothing', { sequence: 0, version: 0 }, 0],
      ['a part of the log', { sequence: 1, version: 0 }, 0],
      ['the log alone', { sequence, version: 0 }, 0],
      ['the log, and no more chunks', { sequence, version: 0 }, 1],
      ['all items but one', { sequence, version: version - 1 }, 1_000],
    ];
    for (const [what, stored, chunks] of claims) {
      const before = vaults.asked.length;
      vaults.answer(replica, ({ topic }) => {
        if (vaults.asked.length - before > maxQuestions) throw new Error('asked without end');
        return topic === 'vault-store' ? stored : chunks;
      });
      assert.ok(withCode('ERR_VAULT_INVALID', /does not keep/)((await errorsOf(alice))[0]), what);
    }
    vaults.answer(replica, undefined);
    assert.deepEqual(await errorsOf(alice), [undefined], 'it is tried again');
  });
});
