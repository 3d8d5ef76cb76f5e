import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity } from '../../../src/index.ts';
import type { Change } from '../../../src/secure/vault/manifest.ts';
import { withCode } from '../../support/errors.ts';
import { HandMadeOwner } from './support/hand-made-owner.ts';
import { type TestSecureNode, World } from './support/secure-nodes.ts';

const longest = 256;
const invalid = { error: 'ERR_VAULT_INVALID' };
const tooMuch = { error: 'ERR_MESSAGE_TOO_LARGE' };

async function startReplica(t: TestContext, maxReplicaBytes = 2 ** 20) {
  const replica = await new World(t).start('replica', { vault: { maxReplicaBytes } });
  const owner = new HandMadeOwner(replica.id);
  const tell = (topic: string, data: Data) => replica.vaultEngine.respond(topic, data, owner.id);
  const store = (data: Data) => tell('vault-store', data);
  return { replica, owner, tell, store };
}

function storedItems({ vaultEngine }: TestSecureNode, owner: HandMadeOwner): number {
  return vaultEngine.store.countItems(owner.id, owner.collection);
}

suite('what the vault takes of other nodes has bounds', () => {
  test('names have 256 characters at most, wherever they stand', async (t) => {
    const { replica, owner, tell, store } = await startReplica(t);
    await store(owner.delivery());
    const named = { owner: owner.id, collection: owner.collection };
    const ask = { after: 0, item: 'i' };
    const chunk = { ...named, item: 'i', blob: 'a'.repeat(32), number: 0 };
    const name = 'n'.repeat(longest + 1);
    const refused: [topic: string, data: Data][] = [
      ['vault-fetch', { ...named, ...ask, collection: name }],
      ['vault-fetch', { ...named, ...ask, item: name }],
      ['vault-fetch', { ...named, ...ask, owner: name }],
      ['vault-fetch', { ...named, ...ask, item: 'half \ud800' }],
      ['vault-chunk', { ...chunk, item: name }],
      ['vault-chunk', { ...chunk, blob: name }],
      ['vault-store-chunk', { ...chunk, blob: name, body: new Uint8Array(0) }],
      ['vault-store-chunk', { ...chunk, blob: 'A'.repeat(32), body: new Uint8Array(0) }],
      ['vault-store', owner.delivery({ collection: name })],
      ['vault-store', owner.items(owner.item(1, { item: name }))],
      ['vault-store', owner.items(owner.item(1, { item: '' }))],
      ['vault-changed', { ...named, collection: name }],
    ];
    for (const [topic, data] of refused) {
      assert.deepEqual(await tell(topic, data), invalid, `${topic} ${JSON.stringify(data).slice(0, 100)}`);
    }
    assert.equal(storedItems(replica, owner), 0);
    const fits = owner.item(2, { item: 'n'.repeat(longest) });
    assert.deepEqual(await store(owner.items(fits)), { sequence: 1, version: 2 });
  });

  test('numbers are whole, safe and not negative', async (t) => {
    const { owner, tell, store } = await startReplica(t);
    await store(owner.delivery());
    const named = { owner: owner.id, collection: owner.collection };
    const chunk = { ...named, item: 'i', blob: 'a'.repeat(32) };
    for (const number of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      const refused: [topic: string, data: Data][] = [
        ['vault-fetch', { ...named, after: number }],
        ['vault-fetch', { ...named, after: 0, since: number }],
        ['vault-chunk', { ...chunk, number }],
        ['vault-store', owner.delivery({ upTo: number })],
        ['vault-store', owner.items(owner.item(1, { time: number }))],
      ];
      for (const [topic, data] of refused) assert.deepEqual(await tell(topic, data), invalid, `${number}`);
    }
  });

  test('nothing travels in fields that the protocol does not know, even where the owner signs them', async (t) => {
    const { owner, store } = await startReplica(t);
    const more = { more: 'x'.repeat(100_000) };
    const changes: Change[] = [
      { kind: 'create', ...more } as Change,
      { kind: 'other' } as unknown as Change,
      { kind: 'grant', id: 'nobody', history: false },
      { kind: 'add-replica', id: owner.id, ...more } as Change,
    ];
    for (const [name, state] of Object.entries({
      state: { ...owner.state, ...more },
      epoch: { ...owner.state, epochs: [{ ...owner.state.epochs[0]!, ...more }] },
      reader: { ...owner.state, readers: { [owner.id]: { since: 1, history: false, ...more } } },
      wrap: { ...owner.state, epochs: [{ epoch: 1, from: 0, wraps: { [owner.id]: more.more } }] },
    })) {
      owner.log.length = 0;
      owner.advance({ kind: 'create' }, state);
      assert.deepEqual(await store(owner.delivery({ state })), invalid, name);
    }
    for (const change of changes) {
      owner.log.length = 0;
      owner.advance(change);
      assert.deepEqual(await store(owner.delivery()), invalid, change.kind);
    }
    owner.log.length = 0;
    owner.advance({ kind: 'create' });
    await store(owner.delivery());
    assert.deepEqual(await store(owner.items(owner.item(1, more as object))), invalid, 'an item');
    assert.deepEqual(await store(owner.items(owner.item(1))), { sequence: 1, version: 1 });
  });

  test('a delivery has 256 items, 256 log entries and a MiB an item at most', async (t) => {
    const { replica, owner, store } = await startReplica(t, 2 ** 23);
    for (let grants = 0; grants < 256; grants++) owner.advance({ kind: 'create' });
    assert.deepEqual(await store(owner.delivery()), invalid, '257 entries');
    const [first, last] = [owner.log.slice(0, 256), owner.log.slice(256)];
    assert.deepEqual(await store(owner.delivery({ log: first, state: null })), { sequence: 256, version: 0 });
    assert.deepEqual(await store(owner.delivery({ log: last })), { sequence: 257, version: 0 });
    const items = Array.from({ length: 257 }, (_, version) => owner.item(version));
    assert.deepEqual(await store(owner.items(...items)), invalid, '257 items');
    assert.equal(storedItems(replica, owner), 0);
    assert.deepEqual(await store(owner.items(...items.slice(0, 256))), { sequence: 257, version: 255 });
    const overhead = 12 + 16;
    const largest = owner.item(300, {}, 2 ** 20 - overhead);
    assert.deepEqual(await store(owner.items(largest)), { sequence: 257, version: 300 });
    const tooLarge = owner.item(301, {}, 2 ** 20 - overhead + 1);
    assert.deepEqual(await store(owner.items(tooLarge)), invalid);
  });

  test('chunks come one after the other, 1,024 of them and a MiB each at most', async (t) => {
    const { replica, owner, tell, store } = await startReplica(t, 2 ** 23);
    await store(owner.delivery());
    const blob = 'a'.repeat(32);
    const chunk = { owner: owner.id, collection: owner.collection, item: 'i', blob, number: 0 };
    const storeChunk = (fields: object) => tell('vault-store-chunk', { ...chunk, ...fields } as Data);
    const tag = 16;
    assert.deepEqual(await storeChunk({ body: new Uint8Array(2 ** 20 + tag + 1) }), invalid);
    assert.deepEqual(await storeChunk({ number: 1_024, body: Uint8Array.of(1) }), invalid);
    assert.deepEqual(await storeChunk({ number: 1, body: Uint8Array.of(1) }), invalid, 'a gap');
    assert.equal(replica.vaultEngine.store.countChunks(owner.id, blob), 0);
    assert.equal(await storeChunk({ body: new Uint8Array(2 ** 20 + tag) }), 1);
    assert.equal(await storeChunk({ number: 1, body: Uint8Array.of(1) }), 2);
  });

  test('what is stored counts with its names, its rows and its log, not by its content alone', async (t) => {
    const maxReplicaBytes = 300_000;
    const { replica, owner, tell, store } = await startReplica(t, maxReplicaBytes);
    await store(owner.delivery());
    let stored = 0;
    for (let version = 1; ; version++) {
      const answer = await store(owner.items(owner.item(version, { item: `${version}`.padEnd(longest) })));
      if (!('version' in (answer as object))) {
        assert.deepEqual(answer, tooMuch);
        break;
      }
      stored += 1;
      assert.ok(stored * longest < maxReplicaBytes, 'the names alone are more than the bound');
    }
    assert.ok(stored > 100, 'honest owners find room');
    assert.equal(storedItems(replica, owner), stored, 'what was refused left nothing');
    const blob = 'a'.repeat(32);
    const chunk = { owner: owner.id, collection: owner.collection, item: 'i', blob, number: 0 };
    assert.deepEqual(await tell('vault-store-chunk', { ...chunk, body: new Uint8Array(2_000) }), tooMuch);
    for (let entries = 0; entries < 10; entries++) owner.advance({ kind: 'create' });
    assert.deepEqual(await store(owner.delivery()), tooMuch);
  });

  test('chunks that no item names yet, and logs without a state, count as well', async (t) => {
    const { owner, tell, store } = await startReplica(t, 20_000);
    await store(owner.delivery());
    const chunk = {
      owner: owner.id,
      collection: owner.collection,
      item: 'i',
      number: 0,
      body: new Uint8Array(0),
    };
    const answers: Data[] = [];
    for (let blobs = 0; blobs < 100; blobs++) {
      answers.push(await tell('vault-store-chunk', { ...chunk, blob: `${blobs}`.padStart(32, '0') }));
    }
    assert.equal(answers[0], 1);
    assert.deepEqual(answers.at(-1), tooMuch);

    const second = await startReplica(t, 20_000);
    const { owner: other } = second;
    for (let entries = 0; entries < 100; entries++) other.advance({ kind: 'create' });
    assert.deepEqual(await second.store(other.delivery({ state: null })), tooMuch);
    const some = other.delivery({ log: other.log.slice(0, 10), state: null });
    assert.deepEqual(await second.store(some), { sequence: 10, version: 0 });
  });

  test('room is free again once items shrink, are replaced, or the collection goes', async (t) => {
    const { replica, owner, store } = await startReplica(t, 100_000);
    await store(owner.delivery());
    const large = owner.item(1, { item: 'i' }, 90_000);
    assert.deepEqual(await store(owner.items(large)), { sequence: 1, version: 1 });
    assert.deepEqual(await store(owner.items(owner.item(2, { item: 'j' }, 90_000))), tooMuch);
    const small = owner.item(3, { item: 'i' }, 1);
    assert.deepEqual(await store(owner.items(small)), { sequence: 1, version: 3 });
    assert.deepEqual(await store(owner.items(owner.item(4, { item: 'j' }, 90_000))), {
      sequence: 1,
      version: 4,
    });
    const without = { ...owner.state, replicas: [] };
    owner.advance({ kind: 'remove-replica', id: replica.id }, without);
    const gone = await store(owner.delivery({ log: [owner.head], state: without }));
    assert.deepEqual(gone, { sequence: 0, version: 0 });
    const other = new HandMadeOwner(replica.id);
    const tell = (data: Data) => replica.vaultEngine.respond('vault-store', data, other.id);
    await tell(other.delivery());
    assert.deepEqual(await tell(other.items(other.item(1, {}, 90_000))), { sequence: 1, version: 1 });
  });

  test('reading is possible where there is no room for copies, and keeps none', async (t) => {
    const world = new World(t);
    const alice = await world.start('alice');
    const bob = await world.start('bob', { vault: { maxCopyBytes: 50_000 } });
    await bob.connectWithNode(alice.host, alice.port);
    const texts = Array.from({ length: 10 }, (_, number) => `${number}`.repeat(20_000));
    await alice.vault.put('diary', '0', texts[0]!);
    await alice.vault.grant('diary', bob.id);
    for (const [number, text] of texts.entries()) await alice.vault.put('diary', `${number}`, text);
    for (const [number, text] of texts.entries()) {
      assert.equal(await bob.vault.get(alice.id, 'diary', `${number}`), text);
    }
    const seen: string[] = [];
    for await (const { item, value } of bob.vault.watch(alice.id, 'diary')) {
      assert.equal(value, texts[Number(item)]);
      if (seen.push(item) === 10) break;
    }
    assert.ok(bob.vaultEngine.store.countItems(alice.id, 'diary') <= 2);
  });

  test('an owner grants no more than a state can hold, and can revoke all the same', async (t) => {
    const alice = await new World(t).start('alice');
    const { store } = alice.vaultEngine;
    const epochs = 41;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      await alice.vault.put('diary', `${epoch}`, epoch);
      if (epoch === epochs) break;
      const { id } = Identity.generate();
      await alice.vault.grant('diary', id);
      await alice.vault.revoke('diary', id);
    }
    // As if each reader had been granted all of it, one by one.
    const { head, state } = store.collection(alice.id, 'diary')!;
    assert.equal(state.epochs.length, epochs);
    const ids = Array.from({ length: 302 }, () => Identity.generate().id);
    const wraps = Object.fromEntries(ids.map((id) => [id, 'w'.repeat(107)]));
    const full = {
      ...state,
      epochs: state.epochs.map((epoch) => ({ ...epoch, wraps: { ...wraps, ...epoch.wraps } })),
      readers: Object.fromEntries(ids.map((id) => [id, { since: 1, history: true }])),
    };
    store.saveManifest({ owner: alice.id, collection: 'diary' }, { log: [], proven: { head, state: full } });
    const tooMany = withCode('ERR_MESSAGE_TOO_LARGE', /reencrypt/);
    await alice.vault.grant('diary', Identity.generate().id, { history: true });
    const grantMore = async () => {
      for (let more = 0; more < 4; more++) {
        await alice.vault.grant('diary', Identity.generate().id, { history: true });
      }
    };
    await assert.rejects(grantMore, tooMany);
    await assert.rejects(alice.vault.revoke('diary', ids[0]!), tooMany);
    const isReader = () => alice.vault.readers('diary').some(({ id }) => id === ids[0]);
    assert.equal(isReader(), true);
    await alice.vault.revoke('diary', ids[0]!, { reencrypt: true });
    assert.equal(isReader(), false);
    for (const item of ['1', '41'])
      assert.equal(await alice.vault.get(alice.id, 'diary', item), Number(item));
    const { state: after } = store.collection(alice.id, 'diary')!;
    assert.equal(Object.keys(after.epochs.at(-1)!.wraps).length, Object.keys(after.readers).length + 1);
    assert.ok(JSON.stringify(after).length <= 2 * 2 ** 20);
    await alice.vault.grant('diary', Identity.generate().id);
  });
});
