import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { LostSession } from '../../src/api/events.ts';
import type { Data, Node, PeerStream } from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { engines } from '../support/engines.ts';
import { startDurable } from '../support/start-durable.ts';
import { startPair } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';

/** What a frame may have in front of the bytes, in the same memory. */
const numberBytes = 4;

/** Lengths that travel in every way: among others in a frame, alone in one, and cut. */
const lengths = [1, 32, 100, 1_000, 5_000, 20_000, 100_000, 1_500_000];

const bytesOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 7 + length) % 251);

/** Everything with bytes in it that can be sent, all of it at once. */
const binaries: Data[] = lengths.flatMap((length) => [
  bytesOf(length),
  Float64Array.from({ length: Math.ceil(length / 8) }, (_, at) => at + length),
  { id: length, nested: [bytesOf(length), Int16Array.of(1, length % 1_000)] },
]);

/** The arrays in data. */
function arraysIn(data: Data): ArrayBufferView[] {
  if (ArrayBuffer.isView(data)) return [data];
  if (typeof data !== 'object' || data === null) return [];
  return Object.values(data as Record<string, Data>).flatMap(arraysIn);
}

/**
 * Whether what a user has received is the user's: each array has memory that nothing else lies in, so that one may be
 * transferred and the others stay.
 */
function assertOwned(received: readonly Data[], expected: readonly Data[] = binaries): void {
  assert.deepEqual(received, expected);
  const arrays = received.flatMap(arraysIn);
  assert.ok(arrays.length > 0);
  for (const { buffer, byteLength } of arrays) {
    assert.ok(buffer.byteLength - byteLength <= numberBytes, `${byteLength} bytes keep ${buffer.byteLength}`);
  }
  const buffers = arrays.map(({ buffer }) => buffer as ArrayBuffer);
  assert.equal(new Set(buffers).size, buffers.length, 'no two share memory');
  structuredClone(null, { transfer: buffers });
}

/** Has a node transfer the bytes of each message a turn later, and remember what it was. */
function transferAll(node: Node): { readonly received: Data[] } {
  const received: Data[] = [];
  node.on('node_message', async (_peer, data) => {
    await null;
    const transfer = arraysIn(data).map(({ buffer }) => buffer as ArrayBuffer);
    received.push(structuredClone(data, { transfer }));
  });
  return { received };
}

for (const engine of engines) {
  suite(`over ${engine.name}, what a user receives is in memory of its own:`, () => {
    test('messages', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      for (const data of binaries) connection.send(data);
      await connection.deliver(null);
      assertOwned(b.messages.slice(0, -1));
    });

    test('messages that wait for their turn', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      const gate = Promise.withResolvers<void>();
      b.on('node_message', () => gate.promise);
      for (const data of [null, ...binaries]) connection.send(data);
      await b.event('node_message');
      gate.resolve();
      await connection.deliver(null);
      assertOwned(b.messages.slice(1, -1));
    });

    test('compressed messages, and those that are delivered', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      for (const data of binaries) connection.send(data, { compression: 'zlib' });
      await Promise.all(binaries.map((data) => connection.deliver(data)));
      assertOwned(b.messages, [...binaries, ...binaries]);
    });

    test('requests and their answers', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      b.on('node_request', (_peer, data) => data);
      const answers = await Promise.all(binaries.map((data) => connection.request(data)));
      assertOwned(answers);
      assertOwned(b.of('node_request').map(({ data }) => data as Data));
    });

    test('headers and data of streams', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      const arrived = Promise.withResolvers<PeerStream>();
      b.on('node_stream', (_peer, stream) => arrived.resolve(stream));
      const stream = await connection.openStream(bytesOf(100));
      for (const length of [...lengths, ...lengths]) stream.write(bytesOf(length));
      stream.end();
      const theirs = await arrived.promise;
      const chunks: Uint8Array[] = [];
      for await (const chunk of theirs) chunks.push(chunk);
      const sent = Buffer.concat([...lengths, ...lengths].map(bytesOf));
      assert.ok(Buffer.concat(chunks).equals(sent));
      assertOwned([theirs.header, ...chunks], [bytesOf(100), ...chunks]);
    });

    test('a handler that transfers it takes nothing else with it', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      const { received } = transferAll(b);
      const sent = binaries.flatMap((data) => [data, 'a text behind it', { id: 1 }]);
      for (const data of sent) connection.send(data);
      await connection.deliver('the end');
      assert.deepEqual(received, [...sent, 'the end']);
    });

    test('nothing of the sender', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      const own = Buffer.from(bytesOf(100));
      connection.send(own);
      own.fill(0);
      await connection.deliver(null);
      assert.deepEqual(b.messages[0], bytesOf(100));
    });
  });
}

test('ids of 32 bytes that a node keeps from among larger messages cost their bytes', async (t) => {
  const { b, connection } = await startPair(t);
  const kept: Uint8Array[] = [];
  b.on('node_message', (_peer, data) => {
    if (data instanceof Uint8Array) kept.push(data);
  });
  for (let sent = 0; sent < 200; sent++) {
    connection.send(bytesOf(32));
    connection.send('x'.repeat(15_000));
  }
  await connection.deliver(null);
  assert.equal(kept.length, 200);
  assertOwned(kept, new Array(200).fill(bytesOf(32)));
});

test('messages that were not acknowledged come back in memory of their own', async (t) => {
  const pair = await startDurable(t);
  await pair.lose();
  for (const data of binaries) pair.connection.send(data);
  await pair.a.disconnectWithNode(pair.connection);
  const { data } = (await pair.a.event('node_session_lost')).data as LostSession;
  assertOwned(data);
});

suite('a vault, and what is encrypted,', () => {
  async function startSecure(t: TestContext): Promise<SecureNode> {
    const node = new SecureNode('127.0.0.1', 0);
    t.after(() => within(node.stop(), 'the node stops'));
    await node.start();
    return node;
  }

  test('give bytes in memory of their own', async (t) => {
    const node = await startSecure(t);
    const small = binaries.filter((_, index) => index < 15);
    const read: Data[] = [];
    for (const [index, data] of small.entries()) {
      await node.vault.put('bytes', `item ${index}`, data);
      read.push(await node.vault.get(node.id, 'bytes', `item ${index}`));
      read.push(await node.decrypt(await node.encrypt(node.id, data)));
    }
    await node.vault.putStream('bytes', 'a stream', [bytesOf(300_000)]);
    for await (const chunk of node.vault.getStream(node.id, 'bytes', 'a stream')) {
      assertOwned([chunk], [chunk]);
    }
    assertOwned(
      read,
      small.flatMap((data) => [data, data]),
    );
  });
});
