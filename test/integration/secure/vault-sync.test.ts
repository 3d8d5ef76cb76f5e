import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import { within } from '../../support/turns.ts';
import { connect, type TestSecureNode, World } from './support/secure-nodes.ts';

const mebibyte = 2 ** 20;

/** An owner, and a replica of its collection that is not up to date. */
async function setUp(t: TestContext): Promise<{ alice: TestSecureNode; replica: TestSecureNode }> {
  const world = new World(t);
  const alice = await world.start('alice');
  const replica = await world.start('replica');
  await connect(alice, replica);
  for (let count = 0; count < 3; count++) {
    await alice.vault.put('films', `note ${count}`, new Uint8Array(0.7 * mebibyte));
  }
  await alice.vault.putStream('films', 'film', [new Uint8Array(2.5 * mebibyte)]);
  return { alice, replica };
}

type Answer = (calls: number) => unknown;

const whole = { sequence: 1, version: 0 };

/** What a replica says that it has, however often it was given something. */
const liesOfStore: Readonly<Record<string, Answer>> = {
  'a bit more each time': (calls) => ({ sequence: 2, version: calls / 1_000 }),
  'one version more each time': (calls) => ({ sequence: 2, version: calls }),
  'one entry less than it was given': () => whole,
  'nothing at all': () => ({ sequence: 0, version: 0 }),
  'more entries, and no items': () => ({ sequence: 1_000_000, version: 0 }),
  'not a number': () => ({ sequence: Number.NaN, version: Number.NaN }),
  'less than nothing': () => ({ sequence: 2, version: -1e15 }),
  'an endless number': () => ({ sequence: Number.POSITIVE_INFINITY, version: 0 }),
  'no numbers': () => ({ sequence: '2', version: [] }),
};

const liesOfChunks: Readonly<Record<string, Answer>> = {
  'less than nothing': () => -1e15,
  'not a number': () => Number.NaN,
  'nothing, whatever it is given': () => 0,
  'a bit more each time': (calls) => calls / 1_000,
  'a text': () => '1',
};

suite('bringing replicas up to date', () => {
  for (const [what, lie] of Object.entries(liesOfStore)) {
    test(`ends with an error where a replica says that it has ${what}`, async (t) => {
      const { alice, replica } = await setUp(t);
      let calls = 0;
      replica.vaultEngine.respond = async () => lie(++calls) as Data;
      await alice.vault.addReplica('films', replica.id);
      const [result] = await within(alice.vault.sync(), 'the sync ends');
      assert.throws(() => {
        throw result!.error;
      }, withCode('ERR_VAULT_INVALID'));
      assert.ok(calls < 20, `${calls} deliveries`);
    });
  }

  for (const [what, lie] of Object.entries(liesOfChunks)) {
    test(`ends with an error where the chunks that a replica has are ${what}`, async (t) => {
      const { alice, replica } = await setUp(t);
      const { respond } = replica.vaultEngine;
      let calls = 0;
      replica.vaultEngine.respond = async (topic, ...rest) => {
        const answer = await respond.call(replica.vaultEngine, topic, ...rest);
        return topic === 'vault-store-chunk' ? (lie(++calls) as Data) : answer;
      };
      await alice.vault.addReplica('films', replica.id);
      const [result] = await within(alice.vault.sync(), 'the sync ends');
      assert.throws(() => {
        throw result!.error;
      }, withCode('ERR_VAULT_INVALID'));
      assert.ok(calls < 20, `${calls} chunks`);
    });
  }

  test('brings a replica, a reader and a watch as many small items and log entries as there are', async (t) => {
    const world = new World(t);
    const limits = { maxMessageBytes: 128 * 1024 };
    const [alice, replica, bob] = await Promise.all(
      ['alice', 'replica', 'bob'].map((name) => world.start(name, { limits })),
    );
    await connect(alice!, replica!);
    await connect(replica!, bob!);
    const items = 700;
    const grants = 400;
    await alice!.vault.put('health', 'first', 0);
    await alice!.vault.grant('health', bob!.id);
    for (let count = 0; count < grants / 2; count++) {
      const { id } = Identity.generate();
      await alice!.vault.grant('health', id);
      await alice!.vault.revoke('health', id);
    }
    for (let count = 1; count < items; count++)
      await alice!.vault.put('health', `blood pressure ${count}`, count);
    await alice!.vault.addReplica('health', replica!.id);
    assert.deepEqual(
      (await within(alice!.vault.sync(), 'the sync ends')).map(({ error }) => error),
      [undefined],
    );
    await alice!.stop();
    const values = new Set<Data | undefined>();
    for await (const { value } of bob!.vault.watch(alice!.id, 'health'))
      if (values.add(value).size === items) break;
    assert.equal(await bob!.vault.get(alice!.id, 'health', 'blood pressure 500'), 500);
    assert.equal(bob!.vault.audit('health', alice!.id).length, grants + 3);
    for (const { errors } of [alice!, replica!, bob!]) assert.deepEqual(errors, []);
  });

  test('does not blame a replica for an item that the owner changes meanwhile', async (t) => {
    const { alice, replica } = await setUp(t);
    const { respond } = replica.vaultEngine;
    let isChanged = false;
    replica.vaultEngine.respond = async (topic, ...rest) => {
      if (topic === 'vault-store-chunk' && !isChanged) {
        isChanged = true;
        await alice.vault.putStream('films', 'film', [new Uint8Array(1.5 * mebibyte)]);
      }
      return respond.call(replica.vaultEngine, topic, ...rest);
    };
    await alice.vault.addReplica('films', replica.id);
    assert.deepEqual(
      (await alice.vault.sync()).map(({ error }) => error),
      [undefined],
    );
    const { store } = replica.vaultEngine;
    assert.equal(store.countChunks(alice.id, store.item(alice.id, 'films', 'film')!.blob), 2);
  });
});
