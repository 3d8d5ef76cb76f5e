import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity } from '../../../../src/index.ts';
import { accept, type Delivery } from '../../../../src/secure/vault/delivery.ts';
import { sealItem } from '../../../../src/secure/vault/item.ts';
import { type LogEntry, nextManifest } from '../../../../src/secure/vault/manifest.ts';
import { VaultStore } from '../../../../src/secure/vault/vault-store.ts';
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
  const store = new VaultStore(undefined, Identity.generate().id);
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
      await assert.rejects(take(delivery), withCode('ERR_VAULT_INVALID', /is not of epoch/));
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
      await assert.rejects(take(delivery), withCode('ERR_VAULT_INVALID', /was given for c/));
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
    await assert.rejects(take(old), withCode('ERR_ROLLBACK', /the epoch 1 of c is over/));
  });

  test('must bring what its log proves, and a log', async (t) => {
    const { alice, store, take, head } = await setUp(t);
    const honest = await deliveryOf(alice, 0);
    await assert.rejects(take({ ...honest, state: null }), withCode('ERR_VAULT_INVALID', /no state/));
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
});
