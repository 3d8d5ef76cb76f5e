import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import { turns, within } from '../../support/turns.ts';
import { connect, type TestSecureNode, World } from './support/secure-nodes.ts';

const mebibyte = 2 ** 20;
const count = 60;

/** Alice has many items that Bob may read. */
async function setUp(t: TestContext): Promise<{ alice: TestSecureNode; bob: TestSecureNode }> {
  const world = new World(t);
  const alice = await world.start('alice');
  const bob = await world.start('bob');
  await connect(bob, alice);
  for (let item = 0; item < count; item++) await alice.vault.put('diary', `${item}`, item);
  await alice.vault.grant('diary', bob.id);
  return { alice, bob };
}

/** Counts what a node is asked for items. */
function countFetches(
  { vaultEngine }: TestSecureNode,
  change = (answer: Data): Data => answer,
): () => number {
  const respond = vaultEngine.respond.bind(vaultEngine);
  let fetches = 0;
  vaultEngine.respond = async (topic, ...rest) => {
    const answer = await respond(topic, ...rest);
    if (topic !== 'vault-fetch') return answer;
    fetches += 1;
    return change(answer);
  };
  return () => fetches;
}

suite('watching a collection', () => {
  test('ends with its signal, in the middle of what has come as well', async (t) => {
    const { alice, bob } = await setUp(t);
    for (const [reader, seen] of [
      [bob, 1],
      [bob, 3],
      [alice, 3],
    ] as const) {
      const abort = new AbortController();
      let items = 0;
      for await (const _ of reader.vault.watch(alice.id, 'diary', { signal: abort.signal })) {
        items += 1;
        if (items === seen) abort.abort();
      }
      assert.equal(items, seen);
    }
  });

  test('ends with the node, in the middle of what has come as well', async (t) => {
    const { alice, bob } = await setUp(t);
    let items = 0;
    for await (const _ of bob.vault.watch(alice.id, 'diary')) if (++items === 3) await bob.stop();
    assert.equal(items, 3);
  });

  test('asks nobody because of what strangers say has changed', async (t) => {
    const { alice, bob } = await setUp(t);
    const fetches = countFetches(alice);
    const changes = bob.vault.watch(alice.id, 'diary');
    for (let item = 0; item < count; item++) await changes.next();
    const next = changes.next();
    await turns(50);
    const before = fetches();
    const notice = { owner: alice.id, collection: 'diary' };
    const stranger = Identity.generate().id;
    for (let notices = 0; notices < 20; notices++) {
      await bob.vaultEngine.respond('vault-changed', notice, stranger);
      await turns(5);
    }
    assert.equal(fetches(), before);
    await alice.vault.put('diary', 'news', 'true');
    assert.equal((await within(next, 'the change')).value?.value, 'true');
    await changes.return();
  });

  for (const [what, lie] of Object.entries({
    'more where there is nothing': (answer: object) => ({ ...answer, more: true }),
    'more, further back': (answer: object) => ({ ...answer, items: [], upTo: 0, more: true }),
  })) {
    test(`does not ask as fast as it can an owner that promises ${what}`, async (t) => {
      const { alice, bob } = await setUp(t);
      const fetches = countFetches(alice, (answer) => lie(answer as object) as Data);
      const abort = new AbortController();
      const watching = (async () => {
        for await (const _ of bob.vault.watch(alice.id, 'diary', { signal: abort.signal }));
      })();
      const beganAt = performance.now();
      await turns(2_000);
      const tookMs = performance.now() - beganAt;
      assert.ok(fetches() < 10 + tookMs / 50, `${fetches()} questions in ${tookMs} ms`);
      abort.abort();
      await within(watching, 'the watch ends');
    });
  }
});

suite('a large item that changes while it is read', () => {
  for (const change of ['put again', 'deleted']) {
    test(`says so when it was ${change}, and blames no node`, async (t) => {
      const { alice, bob } = await setUp(t);
      await alice.vault.grant('films', bob.id);
      for (const reader of [alice, bob]) {
        await alice.vault.putStream('films', 'film', [new Uint8Array(12 * mebibyte)]);
        const reading = (async () => {
          let isFirst = true;
          for await (const _ of reader.vault.getStream(alice.id, 'films', 'film')) {
            if (!isFirst) continue;
            isFirst = false;
            if (change === 'deleted') await alice.vault.delete('films', 'film');
            else await alice.vault.putStream('films', 'film', [new Uint8Array(mebibyte)]);
          }
        })();
        const says = withCode('ERR_ITEM_CHANGED', /film was put again or deleted/);
        await assert.rejects(reading, says, reader === alice ? 'the owner' : 'a reader');
      }
    });
  }

  test("says that a chunk is damaged when it is the owner's own that nobody else has", async (t) => {
    const { alice } = await setUp(t);
    await alice.vault.putStream('films', 'film', [new Uint8Array(mebibyte)]);
    const { store } = alice.vaultEngine;
    store.saveChunk(alice.id, store.item(alice.id, 'films', 'film')!.blob, 0, Uint8Array.of(1));
    const reading = alice.vault.getStream(alice.id, 'films', 'film').next();
    await assert.rejects(reading, withCode('ERR_VAULT_INVALID', /damaged on this node/));
  });
});
