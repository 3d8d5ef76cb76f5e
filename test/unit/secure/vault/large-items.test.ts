import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { suite, test } from 'node:test';
import { sha256Hex } from '../../../../src/base/sha256.ts';
import type { Data } from '../../../../src/index.ts';
import { canonicalJson } from '../../../../src/secure/canonical-json.ts';
import { dataToBytes } from '../../../../src/secure/data-bytes.ts';
import { withCode } from '../../../support/errors.ts';
import { type Member, Vaults } from './support/vaults.ts';

const film = Uint8Array.from({ length: 10_000 }, (_, index) => (index * 7) & 255);
const blob = 'b'.repeat(32);
const key = new Uint8Array(32).fill(3);

async function setUp() {
  const vaults = new Vaults();
  const alice = vaults.start({ maxMessageBytes: 8_000 });
  const bob = vaults.start();
  const replica = vaults.start();
  await alice.vault.putStream('c', 'film', [film]);
  await alice.vault.grant('c', bob.id);
  await alice.vault.grant('c', replica.id);
  await alice.vault.addReplica('c', replica.id);
  await alice.vault.sync();
  return { vaults, alice, bob, replica };
}

async function read({ vault }: Member, owner: Member, item = 'film'): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of vault.getStream(owner.id, 'c', item)) parts.push(part);
  return Buffer.concat(parts);
}

/** A chunk as the protocol has it, for the place of another number when that is given. */
function chunkOf(owner: Member, text: Uint8Array, number: number, place = number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(8, place);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(canonicalJson([owner.id, blob, place])));
  return new Uint8Array(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]));
}

/** An owner writes an item whose description, and whose chunks, are whatever it likes. */
async function putByHand(owner: Member, description: Data, chunks: readonly Uint8Array[]): Promise<void> {
  const { store, own } = owner.engine;
  for (const [number, chunk] of chunks.entries()) store.saveChunk(owner.id, blob, number, chunk);
  await own.put('c', 'made', { text: dataToBytes(description), deleted: false, blob });
}

suite('a large item', () => {
  test('is read as it was put, by its owner, a replica that may read it, and a reader', async () => {
    const { vaults, alice, bob, replica } = await setUp();
    for (const reader of [alice, bob, replica]) assert.ok((await read(reader, alice)).equals(film));
    assert.equal(
      vaults.asked.filter(({ topic, from }) => topic === 'vault-chunk' && from === replica.id).length,
      0,
    );
    vaults.leave(alice);
    assert.ok((await read(bob, alice)).equals(film));
  });

  test('can be made by hand, as these tests do', async () => {
    const { alice, bob } = await setUp();
    const texts = [film.subarray(0, 100), film.subarray(100, 150)];
    const chunks = texts.map((text, number) => chunkOf(alice, text, number));
    await putByHand(alice, { size: 150, key, hashes: chunks.map(sha256Hex) }, chunks);
    assert.ok((await read(bob, alice, 'made')).equals(film.subarray(0, 150)));
  });

  test('whose owner describes it wrongly is refused in words of ours', async () => {
    const { alice, bob } = await setUp();
    const chunk = chunkOf(alice, film.subarray(0, 100), 0);
    const hashes = [sha256Hex(chunk)];
    const descriptions: Data[] = [
      null,
      'x',
      [],
      {},
      { size: 100, key, hashes: 'x' },
      { size: 100, key, hashes: [7] },
      { size: 100, key, hashes: ['x'] },
      { size: 100, key, hashes: Array(1_025).fill(hashes[0]!) },
      { size: 100, key: key.subarray(1), hashes },
      { size: 100, key: 'x', hashes },
      { size: 100, key: Float32Array.of(1), hashes },
      { size: 0.5, key, hashes },
      { size: '100', key, hashes },
      { size: 99, key, hashes },
      { size: 101, key, hashes },
      { size: -100, key, hashes },
    ];
    for (const description of descriptions) {
      await putByHand(alice, description, [chunk]);
      await assert.rejects(
        read(bob, alice, 'made'),
        withCode('ERR_VAULT_INVALID'),
        JSON.stringify(description),
      );
    }
    await putByHand(alice, { size: 100, key, hashes }, [chunk]);
    assert.equal((await read(bob, alice, 'made')).length, 100);
  });

  test('whose owner encrypted a chunk for another place, or with another key, is refused', async () => {
    const { alice, bob } = await setUp();
    const text = film.subarray(0, 100);
    const wrong = [
      [chunkOf(alice, text, 0), chunkOf(alice, text, 1, 0)],
      [chunkOf(alice, text, 0, 1), chunkOf(alice, text, 1, 0)],
      [chunkOf(bob, text, 0)],
      [chunkOf(alice, text, 0).subarray(0, -12)],
      [new Uint8Array(15)],
      [chunkOf(alice, new Uint8Array(0), 0).subarray(0, 4)], // the start of the tag
      [new Uint8Array(0)],
      [new Uint8Array(100)],
    ];
    for (const chunks of wrong) {
      await putByHand(alice, { size: 100 * chunks.length, key, hashes: chunks.map(sha256Hex) }, chunks);
      await assert.rejects(
        read(bob, alice, 'made'),
        withCode('ERR_DECRYPTION', /large item cannot be decrypted/),
      );
    }
    const chunk = chunkOf(alice, text, 0);
    await putByHand(alice, { size: 100, key: key.map((byte) => byte ^ 1), hashes: [sha256Hex(chunk)] }, [
      chunk,
    ]);
    await assert.rejects(read(bob, alice, 'made'), withCode('ERR_DECRYPTION'));
  });

  test('that is not decodable at all is refused', async () => {
    const { alice, bob } = await setUp();
    for (const text of [Uint8Array.of(9, 1), Uint8Array.of(2, 255)]) {
      await alice.engine.own.put('c', 'made', { text, deleted: false, blob });
      await assert.rejects(read(bob, alice, 'made'), withCode('ERR_VAULT_INVALID'));
    }
  });

  test('of which a chunk is damaged where it is kept is read all the same, from others', async () => {
    const { vaults, alice, replica } = await setUp();
    const { store } = replica.engine;
    const { blob: kept } = store.item(alice.id, 'c', 'film')!;
    const chunk = (await store.chunk(alice.id, kept, 1))!;
    store.saveChunk(
      alice.id,
      kept,
      1,
      chunk.map((byte, index) => (index === 9 ? byte ^ 1 : byte)),
    );
    vaults.asked.length = 0;
    assert.ok((await read(replica, alice)).equals(film));
    const asked = vaults.asked.filter(({ topic }) => topic === 'vault-chunk');
    assert.deepEqual(
      asked.map(({ data }) => data.number),
      [1],
      'that chunk alone',
    );
    vaults.leave(alice);
    await assert.rejects(read(replica, alice), withCode('ERR_NOT_FOUND'));
  });

  test('that is damaged at its owner says so, and where', async () => {
    const { vaults, alice, bob, replica } = await setUp();
    const { store } = alice.engine;
    const { blob: kept } = store.item(alice.id, 'c', 'film')!;
    store.saveChunk(alice.id, kept, 1, new Uint8Array(100));
    assert.ok((await read(alice, alice)).equals(film), 'a replica has the true one');
    for (const other of [bob, replica]) vaults.leave(other);
    await assert.rejects(
      read(alice, alice),
      withCode('ERR_VAULT_INVALID', /^chunk 1 of film is damaged on this node$/),
    );
  });

  test('asks for a chunk until somebody has the true one, and tells of the last who had not', async () => {
    const { vaults, alice, bob, replica } = await setUp();
    vaults.answer(alice, ({ topic }, honest) =>
      topic === 'vault-chunk' ? { error: 'ERR_HANDLER' } : honest(),
    );
    assert.ok((await read(bob, alice)).equals(film), 'from the replica');
    const asked = vaults.asked.filter(({ topic, from }) => topic === 'vault-chunk' && from === bob.id);
    assert.deepEqual(new Set(asked.map(({ to }) => to)), new Set([alice.id, replica.id]));
    for (const lie of [new Uint8Array(20), 'x', null]) {
      vaults.answer(replica, ({ topic }, honest) => (topic === 'vault-chunk' ? lie : honest()));
      await assert.rejects(
        read(bob, alice),
        withCode('ERR_VAULT_INVALID', /sent a chunk that is not the owner's/),
      );
    }
    vaults.answer(replica, ({ topic }, honest) =>
      topic === 'vault-chunk' ? { error: 'ERR_NOT_FOUND' } : honest(),
    );
    await assert.rejects(read(bob, alice), withCode('ERR_NOT_FOUND'));
  });

  test('is cut into chunks, whatever its pieces are', async () => {
    const { alice, bob } = await setUp();
    const chunkBytes = 4_000 - 16;
    const { store } = alice.engine;
    const sizes = [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 3 * chunkBytes - 1];
    for (const size of sizes) {
      for (const piece of [1_000, chunkBytes, 20_000]) {
        const content = Uint8Array.from({ length: size }, (_, index) => index & 255);
        const pieces: Uint8Array[] = [new Uint8Array(0)];
        for (let start = 0; start < size; start += piece) pieces.push(content.subarray(start, start + piece));
        await alice.vault.putStream('c', 'cut', pieces);
        const count = store.countChunks(alice.id, store.item(alice.id, 'c', 'cut')!.blob);
        assert.equal(count, Math.ceil(size / chunkBytes), `${size} bytes in pieces of ${piece}`);
        assert.ok((await read(bob, alice, 'cut')).equals(content));
      }
    }
  });

  test('may have 1,024 chunks and no more', async () => {
    const vaults = new Vaults();
    const alice = vaults.start({ maxMessageBytes: 64 }); // chunks of 16 bytes
    const content = new Uint8Array(1_024 * 16);
    await alice.vault.putStream('c', 'whole', [content]);
    assert.equal((await read(alice, alice, 'whole')).length, content.length);
    const tooMuch = alice.vault.putStream('c', 'more', [content, Uint8Array.of(1)]);
    await assert.rejects(tooMuch, withCode('ERR_MESSAGE_TOO_LARGE', /more is larger than the 16384 bytes/));
    assert.deepEqual(alice.vault.items('c'), ['whole']);
  });

  test('whose source fails, or whose item is refused, leaves no chunk', async () => {
    const { alice } = await setUp();
    const { store, own } = alice.engine;
    const blobs = new Set<string>();
    const save = store.saveChunk.bind(store);
    store.saveChunk = (...args) => {
      blobs.add(args[1]);
      save(...args);
    };
    const kept = () => [...blobs].map((one) => store.countChunks(alice.id, one));
    async function* failing() {
      yield film;
      throw new Error('the source failed');
    }
    for (const item of ['film', 'new']) {
      await assert.rejects(alice.vault.putStream('c', item, failing()), /the source failed/);
    }
    own.put = async () => {
      throw new Error('no room for the item');
    };
    await assert.rejects(alice.vault.putStream('c', 'new', [film]), /no room for the item/);
    assert.deepEqual(kept(), [0, 0, 0]);
    assert.ok((await read(alice, alice)).equals(film), 'the item that was there is as it was');
  });
});
