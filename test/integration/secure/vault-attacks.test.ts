import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, type ErrorCode, Identity } from '../../../src/index.ts';
import { encryptionKeysOf, HpkeOpener } from '../../../src/secure/hpke.ts';
import { EpochKeys } from '../../../src/secure/vault/epoch-keys.ts';
import { openItem, sealItem } from '../../../src/secure/vault/item.ts';
import { type LogEntry, type Manifest, nextManifest } from '../../../src/secure/vault/manifest.ts';
import type { FetchAnswer } from '../../../src/secure/vault/vault-protocol.ts';
import { withCode } from '../../support/errors.ts';
import { turns } from '../../support/turns.ts';
import { connect, type TestSecureNode, World } from './support/secure-nodes.ts';

const collection = 'health';

interface Scene {
  readonly alice: TestSecureNode;
  readonly bob: TestSecureNode;
  readonly replica: TestSecureNode;
  readonly identity: Identity;
}

/** Alice owns, Bob may read, and has read; a replica has everything; Alice leaves when a test calls for it. */
async function setUp(t: TestContext): Promise<Scene> {
  const world = new World(t);
  const identity = Identity.generate();
  const alice = await world.start('alice', { identity });
  const bob = await world.start('bob');
  const replica = await world.start('replica');
  await connect(alice, bob);
  await connect(alice, replica);
  await connect(bob, replica);
  await alice.vault.put(collection, 'pulse', 60);
  await alice.vault.put(collection, 'weight', 70);
  await alice.vault.put('wealth', 'pulse', 1_000_000);
  await alice.vault.grant(collection, bob.id);
  await alice.vault.addReplica(collection, replica.id);
  await alice.vault.sync();
  return { alice, bob, replica, identity };
}

/** What a replica gives for a question, and what it gives instead. */
function lie(replica: TestSecureNode, change: (answer: FetchAnswer) => unknown): void {
  const { vaultEngine } = replica;
  const respond = vaultEngine.respond.bind(vaultEngine);
  vaultEngine.respond = async (topic, data, asker) => {
    const answer = await respond(topic, data, asker);
    return topic === 'vault-fetch' ? (change(answer as unknown as FetchAnswer) as Data) : answer;
  };
}

async function honestAnswer({ alice, replica }: Scene, item: string, after = 0): Promise<FetchAnswer> {
  const request = { owner: alice.id, collection, after, item };
  return (await replica.vaultEngine.respond('vault-fetch', request, alice.id)) as unknown as FetchAnswer;
}

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

  test('a wrap opens for its reader, its epoch and its collection alone', async () => {
    const [alice, bob, carol] = [Identity.generate(), Identity.generate(), Identity.generate()];
    const keysOf = (who: Identity) => new EpochKeys(who.id, new HpkeOpener(encryptionKeysOf(who)));
    const name = { owner: alice.id, collection, epoch: 1 };
    const epoch = await keysOf(alice).newEpoch(name, 0, [bob.id]);
    const key = await keysOf(alice).unwrap(name, epoch);
    assert.deepEqual(await keysOf(bob).unwrap(name, epoch), key);
    await assert.rejects(keysOf(carol).unwrap(name, epoch), withCode('ERR_NOT_PERMITTED'));
    const swapped = {
      ...epoch,
      wraps: { [carol.id]: epoch.wraps[bob.id]!, [bob.id]: epoch.wraps[alice.id]! },
    };
    for (const who of [bob, carol]) {
      await assert.rejects(keysOf(who).unwrap(name, swapped), withCode('ERR_DECRYPTION'));
    }
    for (const other of [
      { ...name, epoch: 2 },
      { ...name, collection: 'x' },
      { ...name, owner: carol.id },
    ]) {
      await assert.rejects(keysOf(bob).unwrap(other, epoch), withCode('ERR_DECRYPTION'));
    }
    const broken = { ...epoch, wraps: { [bob.id]: '!' } };
    await assert.rejects(keysOf(bob).unwrap(name, broken), withCode('ERR_DECRYPTION'));
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
