import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { systemRuntime } from '../../../src/base/runtime.ts';
import type { ChannelStream } from '../../../src/channel/streams/stream.ts';
import { type Data, Identity } from '../../../src/index.ts';
import { writeChunks } from '../../../src/secure/vault/chunk-stream.ts';
import { SqliteVaultStore } from '../../../src/secure/vault/sqlite-vault-store.ts';
import { withCode } from '../../support/errors.ts';
import { until, within } from '../../support/turns.ts';
import { type TestSecureNode, World } from './support/secure-nodes.ts';

const mebibyte = 1024 * 1024;
const film = new Uint8Array(randomBytes(2.5 * mebibyte));

/** In pieces whose lengths have nothing to do with chunks. */
function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 300_007) yield bytes.subarray(start, start + 300_007);
}

async function read(reader: TestSecureNode, owner: string, item = 'film'): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of reader.vault.getStream(owner, 'films', item)) parts.push(part);
  return Buffer.concat(parts);
}

/** The owner, a reader two hops away, and a replica between them. */
async function setUp(t: TestContext) {
  const [alice, replica, bob] = (await new World(t).line(3, {
    vault: { maxReplicaBytes: 64 * mebibyte },
  })) as [TestSecureNode, TestSecureNode, TestSecureNode];
  await alice.vault.putStream('films', 'film', pieces(film));
  await alice.vault.grant('films', bob.id);
  return { alice, replica, bob };
}

async function leaveToReplica({ alice, replica }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  await alice.vault.addReplica('films', replica.id);
  assert.deepEqual(
    (await alice.vault.sync()).map(({ error }) => error),
    [undefined],
  );
  await alice.stop();
}

const none = { streams: 0, chunks: 0 };

/** Counts what a node gives of large items. */
function countServed({ vaultEngine }: TestSecureNode): { streams: number; chunks: number } {
  const counts = { ...none };
  const serve = vaultEngine.serve.bind(vaultEngine);
  const respond = vaultEngine.respond.bind(vaultEngine);
  vaultEngine.serve = (...args) => {
    counts.streams += 1;
    return serve(...args);
  };
  vaultEngine.respond = (...args) => {
    if (args[0] === 'vault-chunk') counts.chunks += 1;
    return respond(...args);
  };
  return counts;
}

/** What a node gives in the place of the chunks. */
const lies: Readonly<Record<string, (chunks: readonly Uint8Array[]) => readonly Uint8Array[]>> = {
  altered: (chunks) => chunks.map((chunk) => chunk.map((byte) => byte ^ 1)),
  swapped: (chunks) => chunks.toReversed(),
  shortened: (chunks) => chunks.map((chunk) => chunk.subarray(1)),
  'left out': (chunks) => chunks.slice(1),
  'too long': () => [new Uint8Array(2 * mebibyte)],
};

suite('large items of the vault', () => {
  test('come back whole, to the owner and to a reader far away', async (t) => {
    const { alice, replica, bob } = await setUp(t);
    assert.ok((await read(alice, alice.id)).equals(film));
    assert.ok((await read(bob, alice.id)).equals(film));
    await assert.rejects(read(replica, alice.id), withCode('ERR_NOT_PERMITTED'));
    await alice.vault.putStream('films', 'empty', []);
    assert.equal((await read(bob, alice.id, 'empty')).length, 0);
  });

  test('are served by a replica, also after a revocation that encrypts anew', async (t) => {
    const scene = await setUp(t);
    const { alice, replica, bob } = scene;
    await alice.vault.grant('films', replica.id);
    await alice.vault.revoke('films', replica.id, { reencrypt: true });
    await leaveToReplica(scene);
    assert.ok((await read(bob, alice.id)).equals(film));
  });

  test('come from a neighbour as one stream, from others chunk by chunk', async (t) => {
    const scene = await setUp(t);
    const { alice, replica, bob } = scene;
    const [fromAlice, fromReplica] = [countServed(alice), countServed(replica)];
    assert.ok((await read(bob, alice.id)).equals(film));
    assert.deepEqual(
      [fromAlice, fromReplica],
      [{ streams: 0, chunks: 3 }, none],
      'the owner is two hops away',
    );
    await leaveToReplica(scene);
    assert.ok((await read(bob, alice.id, 'film')).equals(film));
    assert.deepEqual(fromReplica, { streams: 1, chunks: 0 });
  });

  test('a replica that alters, swaps or cuts chunks is found out', async (t) => {
    const scene = await setUp(t);
    const { alice, replica, bob } = scene;
    await leaveToReplica(scene);
    const engine = replica.vaultEngine;
    const served = countServed(replica);
    const honest = engine.respond.bind(engine);
    for (const [what, lie] of Object.entries(lies)) {
      const trueChunk = async (number: number): Promise<Uint8Array> => {
        const { blob } = engine.store.item(alice.id, 'films', 'film')!;
        return (await engine.store.chunk(alice.id, blob, number))!;
      };
      engine.serve = async (_data, _asker, stream) => {
        await writeChunks(stream, lie(await Promise.all([0, 1, 2].map(trueChunk))), systemRuntime).catch(
          () => {},
        ); // the reader gives it up
        return true;
      };
      engine.respond = honest;
      served.chunks = 0;
      assert.ok((await read(bob, alice.id)).equals(film), `${what} in a stream: asked for again`);
      assert.ok(served.chunks > 0);
      engine.respond = async (topic, data, asker) => {
        const chunks = await Promise.all([0, 1, 2].map(trueChunk));
        const chunk = lie(chunks)[(data as { number?: number }).number!];
        return topic === 'vault-chunk' ? (chunk ?? 'none') : honest(topic, data, asker);
      };
      await assert.rejects(read(bob, alice.id), withCode('ERR_VAULT_INVALID'), what);
    }
    engine.serve = async () => false;
    engine.respond = (topic, data, asker) => {
      const isLast = (data as { number?: Data }).number === 2;
      return isLast ? Promise.resolve({ error: 'ERR_NOT_FOUND' }) : honest(topic, data, asker);
    };
    const parts: number[] = [];
    const reading = (async () => {
      for await (const part of bob.vault.getStream(alice.id, 'films', 'film')) parts.push(part.length);
    })();
    await assert.rejects(reading, withCode('ERR_NOT_FOUND'), 'cut off');
    assert.deepEqual(parts, [mebibyte, mebibyte]);
  });

  test('a revocation ends a stream', async (t) => {
    const [alice, bob] = (await new World(t).line(2)) as [TestSecureNode, TestSecureNode];
    const long = 16;
    await alice.vault.putStream('films', 'film', Array(long).fill(new Uint8Array(mebibyte)));
    await alice.vault.grant('films', bob.id);
    const served = countServed(alice);
    let chunks = 0;
    const reading = (async () => {
      for await (const _ of bob.vault.getStream(alice.id, 'films', 'film')) {
        if (++chunks === 1) await alice.vault.revoke('films', bob.id);
      }
    })();
    await assert.rejects(reading, withCode('ERR_NOT_PERMITTED'));
    assert.equal(served.streams, 1);
    assert.ok(chunks < long, `${chunks} chunks were on their way`);
  });

  test('are not given to who may not read them', async (t) => {
    const { alice, bob } = await setUp(t);
    const stranger = Identity.generate().id;
    const { blob } = alice.vaultEngine.store.item(alice.id, 'films', 'film')!;
    const request = { owner: alice.id, collection: 'films', item: 'film', blob, number: 0 };
    const ask = (asker: string) => alice.vaultEngine.respond('vault-chunk', request, asker);
    assert.ok((await ask(bob.id)) instanceof Uint8Array);
    assert.deepEqual(await ask(stranger), { error: 'ERR_NOT_PERMITTED' });
    await alice.vault.revoke('films', bob.id);
    assert.deepEqual(await ask(bob.id), { error: 'ERR_NOT_PERMITTED' });
    for (const [who, data] of [
      [stranger, request],
      [bob.id, request],
      [alice.id, null],
      [alice.id, { ...request, number: 0.5 }],
    ] as const) {
      const written: Uint8Array[] = [];
      const stream = { write: (bytes: Uint8Array) => written.push(bytes) > 0, end: () => {} };
      const isServed = await alice.vaultEngine.serve(data, who, stream as unknown as ChannelStream);
      assert.equal(isServed, who !== alice.id, 'nonsense fails');
      assert.deepEqual(written, []);
    }
    const store = { ...request, body: Uint8Array.of(1) };
    for (const asker of [bob.id, alice.id]) {
      const answer = await bob.vaultEngine.respond('vault-store-chunk', store, asker);
      assert.deepEqual(answer, { error: 'ERR_NOT_PERMITTED' });
    }
  });

  test('nodes that do not read hold sixteen streams, four each, and no more', async (t) => {
    const { alice, bob } = await setUp(t);
    const readers = [bob.id, ...Array.from({ length: 4 }, () => Identity.generate().id)];
    for (const id of readers.slice(1)) await alice.vault.grant('films', id);
    const gate = Promise.withResolvers<void>();
    const { blob } = alice.vaultEngine.store.item(alice.id, 'films', 'film')!;
    const request = { owner: alice.id, collection: 'films', item: 'film', blob, number: 0 };
    const written = Array<number>(25).fill(0);
    const served = written.map((_, index) => {
      const stream = {
        write: (bytes: Uint8Array) => {
          written[index]! += bytes.length;
          return false;
        },
        drained: () => gate.promise,
        end: () => {},
      };
      const reader = readers[Math.floor(index / 5)]!;
      return alice.vaultEngine.serve(request, reader, stream as unknown as ChannelStream);
    });
    const aChunk = 4 + mebibyte + 16;
    const ofOne = [aChunk, aChunk, aChunk, aChunk, 0];
    await until(() => written.filter((bytes) => bytes > 0).length >= 16, 'sixteen have a chunk');
    assert.deepEqual(written, [...ofOne, ...ofOne, ...ofOne, ...ofOne, 0, 0, 0, 0, 0]);
    gate.resolve();
    await Promise.all(served);
    const later: Uint8Array[] = [];
    const stream = { write: (bytes: Uint8Array) => later.push(bytes) > 0, end: () => {} };
    await alice.vaultEngine.serve(request, bob.id, stream as unknown as ChannelStream);
    assert.equal(later.length, 2 * 3, 'their places are free again');
  });

  test('that are read in part alone hold no stream of the node that gives them', async (t) => {
    const [alice, bob] = (await new World(t).line(2)) as [TestSecureNode, TestSecureNode];
    await alice.vault.putStream('films', 'film', [film, film, film]);
    await alice.vault.grant('films', bob.id);
    const served: Promise<boolean>[] = [];
    const serve = alice.vaultEngine.serve.bind(alice.vaultEngine);
    alice.vaultEngine.serve = (...args) => {
      served.push(serve(...args));
      return served.at(-1)!;
    };
    for await (const part of bob.vault.getStream(alice.id, 'films', 'film')) {
      assert.equal(part.length, mebibyte);
      break;
    }
    assert.equal(served.length, 1);
    await within(served[0]!, 'the stream has ended', 10_000);
  });

  test('take no room once they are replaced or deleted, or when their source fails', async (t) => {
    const alice = await new World(t).start('alice');
    const { store } = alice.vaultEngine;
    const blobs = new Set<string>();
    const { saveChunk } = SqliteVaultStore.prototype;
    t.mock.method(store, 'saveChunk', (...args: Parameters<typeof saveChunk>) => {
      blobs.add(args[1]);
      saveChunk.apply(store, args);
    });
    /** Of each content that was ever put, in their order, so many chunks are there. */
    const chunks = () => [...blobs].map((blob) => store.countChunks(alice.id, blob));
    await alice.vault.putStream('films', 'film', pieces(film));
    assert.deepEqual(chunks(), [3]);
    await alice.vault.putStream('films', 'film', pieces(film.subarray(mebibyte)));
    assert.deepEqual(chunks(), [0, 2]);
    const failing = async function* () {
      yield film;
      throw new Error('the disk is gone');
    };
    await assert.rejects(alice.vault.putStream('films', 'film', failing()), /the disk is gone/);
    assert.deepEqual(chunks(), [0, 2, 0], 'the item is as it was, and nothing of the other is left');
    await assert.rejects(alice.vault.putStream('films', 'new', failing()), /the disk is gone/);
    assert.deepEqual(chunks(), [0, 2, 0, 0]);
    await alice.vault.delete('films', 'film');
    assert.deepEqual(chunks(), [0, 0, 0, 0]);
  });

  test('chunks whose item was never finished are gone at the next start', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-large-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const { id } = Identity.generate();
    const store = new SqliteVaultStore(join(folder, 'vault.db'), id);
    store.saveChunk(id, 'a'.repeat(32), 0, Uint8Array.of(1));
    assert.equal(store.countChunks(id, 'a'.repeat(32)), 1);
    store.close();
    const again = new SqliteVaultStore(join(folder, 'vault.db'), id);
    assert.equal(again.countChunks(id, 'a'.repeat(32)), 0);
    again.close();
  });

  test('have methods of their own, and say so', async (t) => {
    const { alice, bob } = await setUp(t);
    await alice.vault.put('films', 'note', 'text');
    await assert.rejects(
      bob.vault.get(alice.id, 'films', 'film'),
      withCode('ERR_MESSAGE_TOO_LARGE', /getStream/),
    );
    await assert.rejects(read(bob, alice.id, 'note'), withCode('ERR_VAULT_INVALID', /get/));
    const kinds: unknown[] = [];
    for await (const { item, kind, value } of bob.vault.watch(alice.id, 'films')) {
      kinds.push([item, kind, value]);
      if (kinds.length === 2) break;
    }
    assert.deepEqual(kinds, [
      ['film', 'stream', undefined],
      ['note', 'data', 'text'],
    ]);
  });

  test('are part of an export', async (t) => {
    const world = new World(t);
    const identity = Identity.generate();
    const first = await world.start('alice', { identity });
    await first.vault.putStream('films', 'film', pieces(film));
    const exported = await first.vault.export();
    await first.stop();
    const second = await world.start('alice-again', { identity });
    await second.vault.import(exported);
    assert.ok((await read(second, identity.id)).equals(film));
  });

  test('have a limit', async (t) => {
    const alice = await new World(t).start('alice', { limits: { maxMessageBytes: 4_096 } });
    const tooMuch = pieces(new Uint8Array(2.1 * mebibyte));
    await assert.rejects(alice.vault.putStream('films', 'film', tooMuch), withCode('ERR_MESSAGE_TOO_LARGE'));
  });
});
