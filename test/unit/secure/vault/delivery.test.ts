import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity } from '../../../../src/index.ts';
import { accept, type Delivery } from '../../../../src/secure/vault/delivery.ts';
import { type SealedItem, sealItem } from '../../../../src/secure/vault/item.ts';
import { type LogEntry, nextManifest } from '../../../../src/secure/vault/manifest.ts';
import { SqliteVaultStore } from '../../../../src/secure/vault/sqlite-vault-store.ts';
import { withCode } from '../../../support/errors.ts';
import { type Member, Vaults } from './support/vaults.ts';

const collection = 'c';

/** An owner, and the store of a node that takes its deliveries. */
async function setUp(t: TestContext) {
  const vaults = new Vaults();
  const alice = vaults.start();
  const bob = Identity.generate().id;
  await alice.vault.put(collection, 'one', 1);
  await alice.vault.grant(collection, bob);
  const store = new SqliteVaultStore(undefined, Identity.generate().id);
  t.after(() => store.close());
  const name = { owner: alice.id, collection };
  const pace = { pause: () => undefined };
  const take = (delivery: Delivery) => accept(store, name, { delivery, keeping: 'copy', pace });
  const head = () => store.collection(alice.id, collection)?.head.sequence ?? 0;
  return { alice, bob, store, take, head };
}

/** What the owner would give. */
async function deliveryOf({ engine, id }: Member, after: number, item?: string): Promise<Delivery> {
  const request = { owner: id, collection, after, ...(item === undefined ? { since: 0 } : { item }) };
  return (await engine.respond('vault-fetch', request, id)) as unknown as Delivery;
}

suite('a delivery', () => {
  test('that is refused leaves nothing behind, also not in memory', async (t) => {
    const { alice, bob, store, take, head } = await setUp(t);
    await take(await deliveryOf(alice, 0));
    const before = head();
    await alice.vault.revoke(collection, bob);
    await alice.vault.put(collection, 'two', 2);
    const honest = await deliveryOf(alice, before);
    const forged = { ...honest.items[1]!, time: 1 };
    const damaged = { ...honest, items: [honest.items[0]!, forged] };
    assert.equal(honest.log.at(-1)!.sequence, before + 1, 'there is a new entry, which is true');
    for (let attempt = 0; attempt < 3; attempt++) {
      await assert.rejects(take(damaged), withCode('ERR_SIGNATURE_INVALID'));
      assert.equal(head(), before);
      assert.equal(store.wholeLog(alice.id, collection).length, before);
      assert.equal(store.collection(alice.id, collection)!.state.epochs.length, 1);
      assert.equal(store.item(alice.id, collection, 'two'), undefined);
    }
    await take(honest);
    assert.equal(head(), before + 1);
    assert.equal(store.item(alice.id, collection, 'two')!.version, honest.items[1]!.version);
  });

  test('that is refused as the first of a collection leaves no collection', async (t) => {
    const { alice, store, take } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    const damaged = { ...honest, items: [{ ...honest.items[0]!, body: new Uint8Array(40) }] };
    await assert.rejects(take(damaged), withCode('ERR_SIGNATURE_INVALID'));
    assert.equal(store.collection(alice.id, collection), undefined);
    assert.deepEqual(store.collectionNames(alice.id), []);
  });

  test('is refused when an item is not of the epoch that its version belongs to', async (t) => {
    const { alice, bob, take } = await setUp(t);
    await alice.vault.revoke(collection, bob);
    await alice.vault.put(collection, 'two', 2);
    const honest = await deliveryOf(alice, 0);
    const [old, fresh] = honest.items as [Delivery['items'][0], Delivery['items'][0]];
    const reseal = (change: Partial<typeof fresh>) => {
      const { body: _, signature: __, ...header } = { ...fresh, ...change };
      return sealItem(alice.identity, header, { key: new Uint8Array(32), text: Uint8Array.of(1) });
    };
    const wrong = [
      reseal({ epoch: 1 }), // the reader that was revoked has its key
      reseal({ epoch: 3 }),
      reseal({ version: old.version, epoch: 2 }),
      reseal({ version: 0, epoch: 2 }),
    ];
    for (const item of wrong) {
      const delivery = { ...honest, items: [item] };
      await assert.rejects(take(delivery), withCode('ERR_VAULT_INVALID', /does not belong to epoch/));
    }
    await take({ ...honest, items: [reseal({})] });
  });

  test('is refused when an item is of another collection or another owner', async (t) => {
    const { alice, take } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    const { body: _, signature: __, ...header } = honest.items[0]!;
    const sealed = (who: Identity, change: object) => {
      return sealItem(who, { ...header, ...change }, { key: new Uint8Array(32), text: Uint8Array.of(1) });
    };
    const mallory = Identity.generate();
    const wrong = [sealed(alice.identity, { collection: 'd' }), sealed(mallory, { owner: mallory.id })];
    for (const item of wrong) {
      const delivery = { ...honest, items: [item] };
      await assert.rejects(take(delivery), withCode('ERR_VAULT_INVALID', /was sent for c/));
    }
  });

  test('never brings back an older version, and takes the same one again', async (t) => {
    const { alice, store, take } = await setUp(t);
    const old = await deliveryOf(alice, 0);
    await alice.vault.put(collection, 'one', 'newer');
    const fresh = await deliveryOf(alice, 0);
    await take(old);
    await take(fresh);
    await take(fresh);
    await assert.rejects(take(old), withCode('ERR_ROLLBACK'));
    assert.equal(store.item(alice.id, collection, 'one')!.version, fresh.items[0]!.version);
  });

  test('with two items of one version keeps the first', async (t) => {
    const { alice, store, take } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    const { body: _, signature: __, ...header } = honest.items[0]!;
    const other = sealItem(alice.identity, header, { key: new Uint8Array(32), text: Uint8Array.of(1) });
    await take(honest);
    await take({ ...honest, items: [other] });
    assert.deepEqual(store.item(alice.id, collection, 'one')!.body, honest.items[0]!.body);
  });

  test('never goes back to an epoch that is over, though the log entry is true', async (t) => {
    const { alice, bob, take, head } = await setUp(t);
    const old = await deliveryOf(alice, 0);
    await take(old);
    await alice.vault.revoke(collection, bob);
    await take(await deliveryOf(alice, head()));
    await assert.rejects(take(old), withCode('ERR_ROLLBACK', /the epoch 1 of c is outdated/));
  });

  test('must bring what its log proves, and a log', async (t) => {
    const { alice, store, take, head } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    await assert.rejects(
      take({ ...honest, state: null }),
      withCode('ERR_VAULT_INVALID', /without the state/),
    );
    await assert.rejects(take({ ...honest, log: [] }), withCode('ERR_VAULT_INVALID', /no log/));
    const other = { ...honest.state!, closed: 1 };
    await assert.rejects(take({ ...honest, state: other }), withCode('ERR_VAULT_INVALID'));
    await assert.rejects(take({ ...honest, log: honest.log.slice(1) }), withCode('ERR_VAULT_INVALID'));
    assert.equal(store.collection(alice.id, collection), undefined);
    await take(honest);
    // With what is known already, the state need not come again, and another one has no effect.
    await take({ ...honest, log: honest.log.slice(-1), state: null });
    await take({ ...honest, log: honest.log.slice(-1), state: other });
    assert.deepEqual(store.collection(alice.id, collection)!.state, honest.state);
    assert.equal(head(), honest.log.length);
  });

  test('with another entry than is known is a fork; with one that nobody signed it is only wrong', async (t) => {
    const { alice, store, take, head } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    await take(honest);
    const [first, second] = honest.log as [LogEntry, LogEntry];
    const step = { time: 7, change: second.change, state: honest.state! };
    const { head: other } = nextManifest(alice.identity, { collection, head: first }, step);
    await assert.rejects(take({ ...honest, log: [first, other] }), withCode('ERR_FORK'));
    await assert.rejects(take({ ...honest, log: [other] }), withCode('ERR_FORK'));
    const altered = { ...second, time: 7, hash: first.hash };
    await assert.rejects(take({ ...honest, log: [altered] }), withCode('ERR_HASH_MISMATCH'));
    await take({ ...honest, log: [{ ...second, time: 7 }] }); // by its hash it is the one that is known
    const elsewhere = nextManifest(alice.identity, { collection: 'd', head: first }, step).head;
    await assert.rejects(
      take({ ...honest, log: [elsewhere] }),
      withCode('ERR_VAULT_INVALID', /another collection/),
    );
    const mallory = nextManifest(Identity.generate(), { collection, head: first }, step).head;
    await assert.rejects(
      take({ ...honest, log: [mallory] }),
      withCode('ERR_VAULT_INVALID', /another collection/),
    );
    assert.equal(head(), 2);
    assert.deepEqual(store.wholeLog(alice.id, collection), honest.log);
  });

  test('in any other form is refused in words of ours', async (t) => {
    const { alice, take, store } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    const forms: unknown[] = [
      { ...honest, items: [null] },
      { ...honest, items: 7 },
      { ...honest, log: [null] },
      { ...honest, log: 'x' },
      { ...honest, state: 7 },
      { ...honest, items: [{ ...honest.items[0], item: { toString: 'x' } as unknown as Data }] },
    ];
    for (const form of forms) {
      await assert.rejects(take(form as Delivery), withCode('ERR_VAULT_INVALID'), JSON.stringify(form));
      assert.equal(store.collection(alice.id, collection), undefined);
    }
  });

  test('in parts is taken part by part; the collection is there with its state', async (t) => {
    const { alice, store, take } = await setUp(t);
    for (let count = 0; count < 4; count++) await alice.vault.grant(collection, Identity.generate().id);
    const honest = await deliveryOf(alice, 0);
    const part = (first: number, last: number) => ({
      log: honest.log.slice(first, last),
      state: null,
      items: [],
    });
    for (const [first, last] of [
      [0, 2],
      [1, 3],
      [0, 1],
      [3, 5],
    ] as const) {
      const { collection: stored, unkept } = await take(part(first, last));
      assert.deepEqual([stored, unkept], [undefined, []]);
    }
    assert.equal(store.lastEntry(alice.id, collection)!.sequence, 5);
    await assert.rejects(
      take(part(3, 4)).then(() => take({ ...honest, log: honest.log.slice(0, 4) })),
      withCode('ERR_VAULT_INVALID'),
    );
    await assert.rejects(
      take({ ...honest, state: null, log: honest.log.slice(5) }),
      withCode('ERR_VAULT_INVALID', /items without the state/),
    );
    const { collection: whole } = await take({ ...honest, log: honest.log.slice(5) });
    assert.deepEqual([whole!.head, whole!.state], [honest.log[5], honest.state]);
  });

  test('that overlaps with another one is held against what has come meanwhile', async (t) => {
    const { alice, bob, store, head } = await setUp(t);
    const name = { owner: alice.id, collection };
    const first = await deliveryOf(alice, 0);
    const [entry] = first.log as [LogEntry];
    const step = { time: 7, change: { kind: 'grant', id: bob, history: true } as const, state: first.state! };
    const fork = nextManifest(alice.identity, { collection, head: entry }, step);
    const other = { log: [entry, fork.head], state: fork.state, items: [] };
    const interleave = interleaving(store, name);
    await interleave(first, first);
    assert.equal(head(), 2);
    await alice.vault.put(collection, 'one', 'newer');
    const newer = await deliveryOf(alice, 2);
    const { unkept } = await interleave({ ...first, log: first.log.slice(1) }, newer);
    assert.deepEqual(unkept, []);
    assert.equal(store.item(alice.id, collection, 'one')!.version, newer.items[0]!.version, 'not taken back');
    await alice.vault.grant(collection, Identity.generate().id);
    await alice.vault.grant(collection, Identity.generate().id);
    const both = await deliveryOf(alice, 2);
    await interleave({ ...both, log: both.log.slice(0, 1), state: null, items: [] }, both);
    assert.equal(head(), 4);
    const empty = new SqliteVaultStore(undefined, Identity.generate().id);
    t.after(() => empty.close());
    const forked = interleaving(empty, name);
    await assert.rejects(forked(other, first), withCode('ERR_FORK'));
    assert.equal(empty.collection(alice.id, collection)!.head.hash, first.log[1]!.hash);
  });

  test('is refused when what it follows was removed while it was being proven', async (t) => {
    const { alice, store, take } = await setUp(t);
    await take(await deliveryOf(alice, 0));
    await alice.vault.grant(collection, Identity.generate().id);
    const delivery = await deliveryOf(alice, 2);
    assert.deepEqual(
      delivery.log.map(({ sequence }) => sequence),
      [3],
    );
    const remove = (): undefined => {
      for (const _ of store.removeCollection(alice.id, collection));
    };
    const name = { owner: alice.id, collection };
    const taken = accept(store, name, { delivery, keeping: 'copy', pace: { pause: remove } });
    await assert.rejects(taken, withCode('ERR_VAULT_INVALID', /the log has a gap/));
    assert.deepEqual([store.collectionNames(alice.id), store.wholeLog(alice.id, collection)], [[], []]);
    assert.equal(store.item(alice.id, collection, 'one'), undefined);
  });

  test('whose items are here already is not proven again, but every other item is', async (t) => {
    const { alice, store, take } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    await take(honest);
    const [item] = honest.items as [SealedItem];
    // Nobody signed it: only what is the same passes.
    const unsigned = { ...item, signature: new Uint8Array(64) };
    store.saveItem(unsigned);
    await take({ ...honest, items: [unsigned] });
    const body = (change: (bytes: Uint8Array) => Uint8Array) => ({
      ...unsigned,
      body: change(unsigned.body),
    });
    const others: SealedItem[] = [
      { ...unsigned, time: unsigned.time + 1 },
      { ...unsigned, version: unsigned.version + 1 },
      { ...unsigned, blob: 'a'.repeat(32) },
      { ...unsigned, deleted: true },
      { ...unsigned, signature: new Uint8Array(64).fill(1) },
      body((bytes) => bytes.with(0, bytes[0]! ^ 1)),
      body((bytes) => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1)),
      body((bytes) => bytes.subarray(0, -1)),
      body((bytes) => Uint8Array.of(...bytes, 0)),
      body((bytes) => [...bytes] as unknown as Uint8Array),
    ];
    for (const other of others) {
      await assert.rejects(take({ ...honest, items: [other] }), /^PeerloomError/, JSON.stringify(other));
    }
  });

  test('for which there is no room is proven, and given back', async (t) => {
    const { alice } = await setUp(t);
    const store = new SqliteVaultStore(undefined, Identity.generate().id, {
      bounds: { maxCopyBytes: 6_000, maxReplicaBytes: 0 },
    });
    t.after(() => store.close());
    const name = { owner: alice.id, collection };
    const pace = { pause: () => undefined };
    const take = (delivery: Delivery) => accept(store, name, { delivery, keeping: 'copy', pace });
    await alice.vault.put(collection, 'large', 'x'.repeat(10_000));
    const honest = await deliveryOf(alice, 0);
    const { collection: stored, unkept } = await take(honest);
    assert.deepEqual([stored!.head.sequence, unkept], [2, honest.items]);
    assert.equal(store.item(alice.id, collection, 'one'), undefined, 'all of them or none');
    assert.deepEqual((await take({ ...honest, items: honest.items.slice(0, 1) })).unkept, []);
    const forged = { ...honest.items[1]!, time: 1 };
    await assert.rejects(take({ ...honest, items: [forged] }), withCode('ERR_SIGNATURE_INVALID'));
    store.saveItem = () => {
      throw new Error('a fault of the program');
    };
    await assert.rejects(take(honest), (error: Error) => {
      return withCode('ERR_VAULT_INVALID')(error) && /a fault of the program/.test(String(error.cause));
    });
  });
});

/** Takes one delivery, and another one while the first is proven but not kept. */
function interleaving(
  store: SqliteVaultStore,
  name: { readonly owner: string; readonly collection: string },
) {
  return async (slow: Delivery, quick: Delivery) => {
    const gate = Promise.withResolvers<void>();
    let isProven = false;
    const pause = () => {
      if (isProven) return undefined;
      isProven = true;
      return gate.promise;
    };
    const taken = accept(store, name, { delivery: slow, keeping: 'copy', pace: { pause } });
    taken.catch(() => {});
    await accept(store, name, { delivery: quick, keeping: 'copy', pace: { pause: () => undefined } });
    gate.resolve();
    return taken;
  };
}
