import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ErrorCode, Identity } from '../../../src/index.ts';
import { sealItem } from '../../../src/secure/vault/item.ts';
import { type LogEntry, type Manifest, nextManifest } from '../../../src/secure/vault/manifest.ts';
import type { FetchAnswer } from '../../../src/secure/vault/vault-protocol.ts';
import { withCode } from '../../support/errors.ts';
import { turns } from '../../support/turns.ts';
import { collection, honestAnswer, lie, type Scene, setUp } from './support/attack-scene.ts';

async function assertRefused({ alice, bob }: Scene, code: ErrorCode, item = 'pulse'): Promise<void> {
  await alice.stop();
  await assert.rejects(bob.vault.get(alice.id, collection, item), withCode(code));
}

suite('attacks on the vault: a replica', () => {
  test('signs an item itself', async (t) => {
    const scene = await setUp(t);
    const mallory = Identity.generate();
    lie(scene.replica, ({ items: [item], ...answer }) => {
      const text = Uint8Array.of(2, 57, 57);
      const { body: _, signature: __, ...header } = item!;
      return { ...answer, items: [sealItem(mallory, header, { key: new Uint8Array(32), text })] };
    });
    await assertRefused(scene, 'ERR_SIGNATURE_INVALID');
  });

  test('alters a field of an item', async (t) => {
    for (const change of [{ version: 9e15 }, { time: 1 }, { deleted: true }, { epoch: 7 }]) {
      const scene = await setUp(t);
      lie(scene.replica, ({ items: [item], ...answer }) => ({ ...answer, items: [{ ...item, ...change }] }));
      await assertRefused(scene, 'ERR_SIGNATURE_INVALID');
    }
  });

  test('alters an item that the reader has already, also for a watch', async (t) => {
    for (const change of [{ body: new Uint8Array(40) }, { time: 1 }, { blob: 'a'.repeat(32) }]) {
      const scene = await setUp(t);
      const { alice, bob, replica } = scene;
      assert.equal(await bob.vault.get(alice.id, collection, 'pulse'), 60);
      lie(replica, ({ items, ...answer }) => ({
        ...answer,
        items: items.map((item) => ({ ...item, ...change })),
      }));
      await alice.stop();
      await assert.rejects(bob.vault.get(alice.id, collection, 'pulse'), withCode('ERR_SIGNATURE_INVALID'));
      const abort = new AbortController();
      const changes = bob.vault.watch(alice.id, collection, { signal: abort.signal });
      const next = changes.next();
      await turns(100);
      abort.abort();
      assert.deepEqual(await next, { done: true, value: undefined }, 'nothing of it is told');
    }
  });

  test('splices the ciphertext of one item into another', async (t) => {
    const scene = await setUp(t);
    const { items } = await honestAnswer(scene, 'weight');
    lie(scene.replica, ({ items: [item], ...answer }) => ({
      ...answer,
      items: [{ ...item, body: items[0]!.body }],
    }));
    await assertRefused(scene, 'ERR_SIGNATURE_INVALID');
  });

  test('gives another item, or one of another collection', async (t) => {
    const scene = await setUp(t);
    const other = await honestAnswer(scene, 'weight');
    lie(scene.replica, () => other);
    await assertRefused(scene, 'ERR_VAULT_INVALID');

    const second = await setUp(t);
    await second.alice.vault.addReplica('wealth', second.replica.id);
    await second.alice.vault.sync();
    const request = { owner: second.alice.id, collection: 'wealth', after: 0, item: 'pulse' };
    const wealth = await second.replica.vaultEngine.respond('vault-fetch', request, second.alice.id);
    const { items } = wealth as unknown as FetchAnswer;
    lie(second.replica, (answer) => ({ ...answer, items }));
    await assertRefused(second, 'ERR_VAULT_INVALID');
  });

  test('swaps the wraps of two readers, or opens a wrap to somebody else', async (t) => {
    const scene = await setUp(t);
    lie(scene.replica, ({ state, ...answer }) => {
      const [epoch] = state!.epochs;
      const [one, other] = [scene.alice.id, scene.bob.id];
      const wraps = { ...epoch!.wraps, [one]: epoch!.wraps[other]!, [other]: epoch!.wraps[one]! };
      return { ...answer, state: { ...state, epochs: [{ ...epoch, wraps }] } };
    });
    await assertRefused(scene, 'ERR_VAULT_INVALID');
  });

  test('alters an entry of the log, signs one itself, or leaves one out', async (t) => {
    const altered = await setUp(t);
    lie(altered.replica, ({ log, ...answer }) => {
      return { ...answer, log: log.map((entry) => ({ ...entry, time: entry.time + 1 })) };
    });
    await assertRefused(altered, 'ERR_HASH_MISMATCH');

    const forged = await setUp(t);
    lie(forged.replica, ({ log, state, ...answer }) => {
      const change = { kind: 'grant', id: forged.replica.id, history: false } as const;
      const step = { time: 1, change, state: state! };
      const { head } = nextManifest(Identity.generate(), { collection, head: log.at(-1)! }, step);
      return { ...answer, state, log: [...log, { ...head, owner: forged.alice.id }] };
    });
    await assertRefused(forged, 'ERR_HASH_MISMATCH');

    const short = await setUp(t);
    lie(short.replica, ({ log, ...answer }) => ({ ...answer, log: log.toSpliced(1, 1) }));
    await assertRefused(short, 'ERR_VAULT_INVALID');
  });

  test('serves an item that is older than one that was seen', async (t) => {
    const scene = await setUp(t);
    const old = await honestAnswer(scene, 'pulse');
    await scene.alice.vault.put(collection, 'pulse', 61);
    assert.equal(await scene.bob.vault.get(scene.alice.id, collection, 'pulse'), 61);
    lie(scene.replica, () => old);
    await assertRefused(scene, 'ERR_ROLLBACK');
  });

  test('serves an epoch that is over', async (t) => {
    const scene = await setUp(t);
    const { alice, bob, replica } = scene;
    const old = await honestAnswer(scene, 'weight');
    await alice.vault.grant(collection, replica.id);
    await alice.vault.revoke(collection, replica.id);
    assert.equal(await bob.vault.get(alice.id, collection, 'pulse'), 60);
    lie(replica, () => old);
    await assertRefused(scene, 'ERR_ROLLBACK', 'weight');
  });

  test('serves what an owner with two histories signed', async (t) => {
    const scene = await setUp(t);
    const { alice, bob, replica, identity } = scene;
    assert.equal(await bob.vault.get(alice.id, collection, 'pulse'), 60);
    const { log, state, ...rest } = await honestAnswer(scene, 'pulse');
    const [before, head] = log.slice(-2) as [LogEntry, LogEntry];
    const fork = (time: number, from: LogEntry): Manifest => {
      return nextManifest(identity, { collection, head: from }, { time, change: head.change, state: state! });
    };
    const other = fork(1, before);
    lie(replica, () => ({ ...rest, state, log: [...log.slice(0, -1), other.head] }));
    const read = () => bob.vault.get(alice.id, collection, 'pulse');
    await alice.stop();
    await assert.rejects(read(), withCode('ERR_FORK'), 'another last entry');
    lie(replica, () => ({ ...rest, state, log: [fork(2, other.head).head] }));
    await assert.rejects(read(), withCode('ERR_FORK'), 'a next entry that follows another one');
  });

  test('answers with nonsense', async (t) => {
    const scene = await setUp(t);
    await scene.alice.stop();
    const { state, ...honest } = await honestAnswer(scene, 'pulse');
    const nonsense: unknown[] = [
      'no',
      null,
      { error: 'ERR_NO_SUCH_CODE' },
      { ...honest, state, log: [] },
      { ...honest, state, log: [null] },
      { ...honest, state, log: [{}] },
      { ...honest, state: null },
      { ...honest, state: { epochs: [] } },
      { ...honest, state, items: [{}] },
      { ...honest, state, items: [null] },
      { ...honest, state, items: [] },
      { ...honest, state, upTo: 'x' },
    ];
    let next: unknown;
    lie(scene.replica, () => next);
    for (next of nonsense) {
      const read = scene.bob.vault.get(scene.alice.id, collection, 'pulse');
      await assert.rejects(read, withCode('ERR_VAULT_INVALID'), JSON.stringify(next));
    }
  });

  test('loses against one that is honest, and against the owner', async (t) => {
    const scene = await setUp(t);
    const old = await honestAnswer(scene, 'pulse');
    await scene.alice.vault.put(collection, 'pulse', 61);
    lie(scene.replica, () => old);
    assert.equal(await scene.bob.vault.get(scene.alice.id, collection, 'pulse'), 61);
  });
});
