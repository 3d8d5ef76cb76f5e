import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../../src/index.ts';
import type { SealedItem } from '../../../../src/secure/vault/item.ts';
import type { FetchAnswer } from '../../../../src/secure/vault/vault-protocol.ts';
import { until } from '../../../support/turns.ts';
import { type Member, Vaults } from './support/vaults.ts';

const refusal = (error: string) => ({ error });
const film = (byte: number) => [new Uint8Array(10_000).fill(byte)];

/** Alice owns; Bob reads `open`, and nothing of `shut`; a replica keeps both; Carol is a stranger. */
async function setUp(replicaOptions: { maxReplicaBytes?: number } = {}) {
  const vaults = new Vaults();
  const alice = vaults.start({ maxMessageBytes: 8_000 });
  const bob = vaults.start();
  const carol = vaults.start();
  const replica = vaults.start(replicaOptions);
  for (const collection of ['open', 'shut']) {
    await alice.vault.put(collection, 'note', collection);
    await alice.vault.putStream(collection, 'film', film(1));
    await alice.vault.addReplica(collection, replica.id);
  }
  await alice.vault.grant('open', bob.id);
  await alice.vault.sync();
  return { vaults, alice, bob, carol, replica };
}

function blobOf({ engine, id }: Member, collection: string): string {
  return engine.store.item(id, collection, 'film')!.blob;
}

suite('a vault that is asked for chunks', () => {
  test('gives those of an item to whoever may read that item, and to nobody else', async () => {
    const { alice, bob, carol, replica } = await setUp();
    const request = {
      owner: alice.id,
      collection: 'open',
      item: 'film',
      blob: blobOf(alice, 'open'),
      number: 0,
    };
    for (const { engine } of [alice, replica]) {
      const ask = (asker: Member) => engine.respond('vault-chunk', request, asker.id);
      assert.ok((await ask(bob)) instanceof Uint8Array);
      assert.deepEqual(await ask(carol), refusal('ERR_NOT_PERMITTED'));
      const shut = { ...request, collection: 'shut', blob: blobOf(alice, 'shut') };
      assert.deepEqual(await engine.respond('vault-chunk', shut, bob.id), refusal('ERR_NOT_PERMITTED'));
      const beyond = { ...request, number: 900 };
      assert.deepEqual(await engine.respond('vault-chunk', beyond, bob.id), refusal('ERR_NOT_FOUND'));
      const missing = { ...request, item: 'none' };
      assert.deepEqual(await engine.respond('vault-chunk', missing, bob.id), refusal('ERR_NOT_FOUND'));
    }
  });

  test('gives no chunk of another item to a reader that names it for one that it may read', async () => {
    const { alice, bob, replica } = await setUp();
    await alice.vault.putStream('open', 'other', film(3));
    await alice.vault.sync();
    const others = [blobOf(alice, 'shut'), alice.engine.store.item(alice.id, 'open', 'other')!.blob];
    for (const { engine } of [alice, replica]) {
      for (const blob of others) {
        assert.ok(await engine.store.chunk(alice.id, blob, 0), 'it is there');
        for (const item of ['film', 'note']) {
          const request = { owner: alice.id, collection: 'open', item, blob, number: 0 };
          const answer = await engine.respond('vault-chunk', request, bob.id);
          assert.deepEqual(answer, refusal('ERR_NOT_FOUND'), item);
        }
      }
    }
  });

  test('gives no chunk that the item had before it was put again', async () => {
    const { alice, bob, replica } = await setUp();
    const old = blobOf(alice, 'open');
    const chunk = (await alice.engine.store.chunk(alice.id, old, 0))!;
    await alice.vault.putStream('open', 'film', film(2));
    await alice.vault.sync();
    for (const { engine } of [alice, replica]) {
      engine.store.saveChunk(alice.id, old, 0, chunk); // as one that could not be deleted
      const request = { owner: alice.id, collection: 'open', item: 'film', blob: old, number: 0 };
      assert.deepEqual(await engine.respond('vault-chunk', request, bob.id), refusal('ERR_NOT_FOUND'));
    }
  });
});

suite('a replica that is given chunks', () => {
  const chunk = Uint8Array.of(1, 2, 3);

  test('takes them from the owner of a collection that it keeps, and from nobody else', async () => {
    const { alice, bob, carol, replica } = await setUp();
    const blob = 'a'.repeat(32);
    const request = { owner: alice.id, collection: 'open', item: 'film', blob, number: 0, body: chunk };
    const give = (data: Data, giver: Member) => replica.engine.respond('vault-store-chunk', data, giver.id);
    for (const giver of [bob, carol, replica]) {
      assert.deepEqual(await give(request, giver), refusal('ERR_NOT_PERMITTED'));
      assert.deepEqual(await give({ ...request, body: null }, giver), refusal('ERR_NOT_PERMITTED'));
    }
    assert.deepEqual(await give({ ...request, collection: 'none' }, alice), refusal('ERR_NOT_PERMITTED'));
    assert.deepEqual(await give({ ...request, owner: carol.id }, carol), refusal('ERR_NOT_PERMITTED'));
    assert.equal(replica.engine.store.countChunks(alice.id, blob), 0);
    assert.deepEqual(
      await give({ ...request, number: 1 }, alice),
      refusal('ERR_VAULT_INVALID'),
      'one is missing',
    );
    assert.equal(await give({ ...request, body: null }, alice), 0);
    assert.equal(await give(request, alice), 1);
    assert.equal(await give({ ...request, number: 1 }, alice), 2);
    assert.equal(await give({ ...request, body: null }, alice), 2);
  });

  test('takes none that its owner has for itself, or that a reader of its own gives', async () => {
    const { alice, bob } = await setUp();
    const request = {
      ...{ owner: alice.id, collection: 'open', item: 'film' },
      ...{ blob: blobOf(alice, 'open'), number: 0, body: chunk },
    };
    for (const { id } of [alice, bob]) {
      const answer = await alice.engine.respond('vault-store-chunk', request, id);
      assert.deepEqual(answer, refusal('ERR_NOT_PERMITTED'));
    }
    assert.notDeepEqual(await alice.engine.store.chunk(alice.id, request.blob, 0), chunk);
  });

  test('takes 1,024 of them for an item, and no more', async () => {
    const { alice, replica } = await setUp();
    const { store } = replica.engine;
    const blob = 'a'.repeat(32);
    store.transaction(() => {
      for (let number = 0; number < 1_023; number++) store.saveChunk(alice.id, blob, number, chunk);
    });
    const give = (number: number) => {
      const request = { owner: alice.id, collection: 'open', item: 'film', blob, number, body: chunk };
      return replica.engine.respond('vault-store-chunk', request, alice.id);
    };
    assert.equal(await give(1_023), 1_024);
    assert.deepEqual(await give(1_024), refusal('ERR_VAULT_INVALID'));
    assert.equal(store.countChunks(alice.id, blob), 1_024);
  });

  test('takes no more of them than it has room for', async () => {
    const maxReplicaBytes = 150_000;
    const { alice, replica } = await setUp({ maxReplicaBytes });
    const { store } = replica.engine;
    const request = { owner: alice.id, collection: 'open', item: 'film', blob: 'a'.repeat(32) };
    const answers: Data[] = [];
    for (let number = 0; number < 20; number++) {
      const data = { ...request, number, body: new Uint8Array(10_000) };
      answers.push(await replica.engine.respond('vault-store-chunk', data, alice.id));
    }
    const taken = answers.filter((answer) => typeof answer === 'number').length;
    assert.ok(taken > 5 && taken < 14, `${taken} were taken`);
    assert.deepEqual(answers.slice(taken, taken + 1), [refusal('ERR_MESSAGE_TOO_LARGE')]);
    assert.equal(store.countChunks(alice.id, request.blob), taken);
    assert.equal(
      await replica.engine.respond('vault-store-chunk', { ...request, number: 0, body: null }, alice.id),
      taken,
    );
  });
});

suite('a vault that is asked for items', () => {
  const ask = async ({ engine }: Member, asker: Member, request: Data): Promise<FetchAnswer> =>
    (await engine.respond('vault-fetch', request, asker.id)) as unknown as FetchAnswer;
  const names = ({ items }: FetchAnswer) => items.map(({ item }: SealedItem) => item);

  test('shows a reader the items that it has a key of, the owner and replicas all of them', async () => {
    const { alice, bob, carol, replica } = await setUp();
    await alice.vault.revoke('open', bob.id);
    await alice.vault.put('open', 'new', 1);
    await alice.vault.grant('open', carol.id);
    await alice.vault.sync();
    const request = { owner: alice.id, collection: 'open', after: 0, since: 0 };
    for (const node of [alice, replica]) {
      assert.deepEqual(names(await ask(node, alice, request)), ['note', 'film', 'new']);
      assert.deepEqual(names(await ask(node, replica, request)), ['note', 'film', 'new']);
      assert.deepEqual(names(await ask(node, carol, request)), ['new']);
      assert.deepEqual(await ask(node, bob, request), refusal('ERR_NOT_PERMITTED'));
      const { upTo } = await ask(node, carol, request);
      assert.equal(upTo, alice.engine.store.item(alice.id, 'open', 'new')!.version);
      assert.deepEqual(await ask(node, carol, { ...request, item: 'note' }), refusal('ERR_NOT_PERMITTED'));
      assert.deepEqual(names(await ask(node, replica, { ...request, item: 'note' })), ['note']);
    }
  });

  test('tells strangers the same whether an item is there or not', async () => {
    const { alice, carol, replica } = await setUp();
    for (const node of [alice, replica]) {
      for (const item of ['note', 'none']) {
        const request = { owner: alice.id, collection: 'open', after: 0, item };
        assert.deepEqual(await ask(node, carol, request), refusal('ERR_NOT_PERMITTED'));
      }
      const none = { owner: alice.id, collection: 'none', after: 0, since: 0 };
      assert.deepEqual(await ask(node, carol, none), refusal('ERR_NOT_FOUND'));
    }
  });

  test('serves no collection that it has only read', async () => {
    const { alice, bob } = await setUp();
    await bob.vault.get(alice.id, 'open', 'note');
    assert.ok(bob.engine.store.item(alice.id, 'open', 'note'), 'a copy is there');
    const request = { owner: alice.id, collection: 'open', after: 0, since: 0 };
    for (const asker of [alice, bob]) {
      assert.deepEqual(await ask(bob, asker, request), refusal('ERR_NOT_FOUND'));
    }
  });

  test('gives of the log what the asker lacks, and its last entry when nothing', async () => {
    const { alice, bob } = await setUp();
    const whole = alice.vault.audit('open');
    const since = async (after: number) => {
      const { log, state } = await ask(alice, bob, { owner: alice.id, collection: 'open', after, since: 0 });
      return [log.map(({ sequence }) => sequence), state !== null];
    };
    assert.equal(whole.length, 3);
    assert.deepEqual(await since(0), [[1, 2, 3], true]);
    assert.deepEqual(await since(2), [[3], true]);
    assert.deepEqual(await since(3), [[3], false]);
    assert.deepEqual(await since(1_000_000), [[3], false]);
  });

  test('gives no entry of the log whose state is still to come', async () => {
    const { vaults, alice, bob, carol, replica } = await setUp();
    vaults.leave(replica);
    const { sequence } = alice.engine.store.collection(alice.id, 'open')!.head;
    for (const { id } of [carol, replica]) await alice.vault.grant('open', id);
    const next = alice.vault.audit('open').filter((entry) => entry.sequence === sequence + 1);
    const { store } = replica.engine;
    store.saveManifest({ owner: alice.id, collection: 'open' }, { log: next, proven: undefined }, 'replica');
    assert.equal(store.lastEntry(alice.id, 'open')!.sequence, sequence + 1);
    for (const after of [0, sequence - 1, sequence]) {
      const answer = await ask(replica, bob, { owner: alice.id, collection: 'open', after, since: 0 });
      assert.deepEqual(
        [answer.log.at(-1)!.sequence, answer.state !== null, answer.more],
        [sequence, after < sequence, false],
      );
    }
  });

  test('gives items page by page, and says where a page ends', async () => {
    const { alice, bob } = await setUp();
    const large = 'x'.repeat(3_000);
    for (const item of ['one', 'two', 'three']) await alice.vault.put('open', item, large);
    const pages: string[][] = [];
    let [since, more] = [0, true];
    while (more) {
      const answer = await ask(alice, bob, { owner: alice.id, collection: 'open', after: 0, since });
      pages.push(names(answer));
      assert.equal(answer.upTo, answer.items.at(-1)!.version);
      [since, more] = [answer.upTo, answer.more];
    }
    assert.deepEqual(pages, [['note', 'film'], ['one'], ['two'], ['three']]);
    const { items, upTo } = await ask(alice, bob, { owner: alice.id, collection: 'open', after: 0, since });
    assert.deepEqual([items, upTo], [[], since]);
  });

  test('tells of changes those who may read and asked for that, and nobody else', async () => {
    const { vaults, alice, bob, carol } = await setUp();
    const request = { owner: alice.id, collection: 'open', after: 0, since: 0 };
    await ask(alice, carol, { ...request, watch: true });
    await ask(alice, bob, { ...request, watch: false });
    await ask(alice, bob, request);
    const told = () =>
      vaults.asked.filter(({ topic }) => topic === 'vault-changed').map(({ to, data }) => [to, data]);
    await alice.vault.put('open', 'note', 2);
    assert.deepEqual(told(), []);
    await ask(alice, bob, { ...request, watch: true });
    await alice.vault.put('shut', 'note', 3);
    assert.deepEqual(told(), []);
    await alice.vault.put('open', 'note', 3);
    await until(() => told().length > 0, 'Bob is told');
    assert.deepEqual(told(), [[bob.id, { owner: alice.id, collection: 'open' }]]);
  });

  test('that fails by itself does not answer: a fault here is not a word of the vault', async () => {
    const { alice, bob } = await setUp();
    alice.engine.store.item = () => {
      throw new TypeError('a fault of the program');
    };
    const request = { owner: alice.id, collection: 'open', after: 0, item: 'note' };
    await assert.rejects(ask(alice, bob, request), { name: 'TypeError' });
    assert.deepEqual(await alice.engine.respond('vault-unknown', {}, bob.id), refusal('ERR_VAULT_INVALID'));
  });
});

suite('a vault that is told of changes', () => {
  test('looks again when its owner or a replica says so, and for nobody else', async () => {
    const { alice, bob, carol, replica } = await setUp();
    await bob.vault.get(alice.id, 'open', 'note');
    const woken: unknown[] = [];
    bob.engine.watch.wake = (name) => void woken.push(name);
    const change = { owner: alice.id, collection: 'open' };
    const tell = ({ id }: Member) => bob.engine.respond('vault-changed', change, id);
    for (const teller of [carol, bob]) assert.equal(await tell(teller), null);
    assert.deepEqual(woken, []);
    for (const teller of [alice, replica]) await tell(teller);
    assert.deepEqual(woken, [change, change]);
  });
});

suite('a replica that is given items', () => {
  test('keeps them for its owner alone, until the owner names it no more', async () => {
    const { alice, bob, replica } = await setUp();
    const { store } = replica.engine;
    const request = { owner: alice.id, collection: 'open', log: [], state: null, items: [], upTo: 0 };
    assert.deepEqual(
      await replica.engine.respond('vault-store', request, bob.id),
      refusal('ERR_NOT_PERMITTED'),
    );
    const { head, version } = alice.engine.store.collection(alice.id, 'open')!;
    assert.deepEqual(await replica.engine.respond('vault-store', request, alice.id), {
      sequence: head.sequence,
      version,
    });
    await alice.vault.removeReplica('open', replica.id);
    assert.equal(store.collection(alice.id, 'open'), undefined);
    assert.equal(store.item(alice.id, 'open', 'note'), undefined);
    assert.equal(store.countChunks(alice.id, blobOf(alice, 'open')), 0);
    assert.ok(store.collection(alice.id, 'shut'), 'it keeps the other one');
    assert.deepEqual(await replica.engine.respond('vault-store', request, alice.id), {
      sequence: 0,
      version: 0,
    });
  });

  test('of an owner that never named it keeps nothing', async () => {
    const { alice, carol } = await setUp();
    const { state } = alice.engine.store.collection(alice.id, 'open')!;
    const log = alice.vault.audit('open');
    const { items } = alice.engine.store.items(alice.id, 'open', { after: 0, maxBytes: 1e9 });
    const request = { owner: alice.id, collection: 'open', log, state, items, upTo: 1 } as unknown as Data;
    const answer = await carol.engine.respond('vault-store', request, alice.id);
    assert.deepEqual(answer, { sequence: 0, version: 0 });
    assert.equal(carol.engine.store.collection(alice.id, 'open'), undefined);
    assert.equal(carol.engine.store.item(alice.id, 'open', 'note'), undefined);
  });
});
