/** Messages between nodes of ours and of the Python package, in both directions. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import { lzmaOptions } from '../../support/lzma.ts';
import { dialPython, directions, startOurs, withMixedPair } from './nodes.ts';
import { type PythonEvent, type PythonMessage, PythonNode } from './python-node.ts';

const compressions = lzmaOptions.skip
  ? (['none', 'zlib', 'bzip2'] as const)
  : (['none', 'zlib', 'bzip2', 'lzma'] as const);
const mebibyte = 1024 * 1024;
const hexOf = (data: string | Uint8Array) => Buffer.from(data as Uint8Array).toString('hex');

const nested = { a: [1, 2.5, null, true, { b: 'żółć 🐍', c: [[], {}] }], é: -0.5 };
const nestedSeenThere =
  '{"a":[1,2.5,null,true,{"b":"\\u017c\\u00f3\\u0142\\u0107 \\ud83d\\udc0d","c":[[],{}]}],"\\u00e9":-0.5}';
const text = 'zażółć 🐍';
const bytes = new Uint8Array(1000).map((_, index) => 0x80 + (index % 0x80));

interface Sample {
  readonly what: string;
  /** As we have it. */
  readonly data: Data;
  /** As the Python node is told to send it. */
  readonly send: PythonMessage;
  /** As the Python node sees it. */
  readonly seen: Partial<PythonEvent>;
}

const samples: readonly Sample[] = [
  { what: 'dict', data: nested, send: { json: nested }, seen: { type: 'dict', json: nestedSeenThere } },
  { what: 'str', data: text, send: { text }, seen: { type: 'str', hex: hexOf(text) } },
  { what: 'bytes', data: bytes, send: { hex: hexOf(bytes) }, seen: { type: 'bytes', hex: hexOf(bytes) } },
];

suite('messages with Python nodes', () => {
  for (const direction of directions) {
    for (const style of ['class', 'callback'] as const) {
      withMixedPair(
        `every kind, by every compression, with a ${style}`,
        direction,
        async ({ ours, python, peer }) => {
          let count = 0;
          for (const compression of compressions) {
            for (const { what, data, send, seen } of samples) {
              count++;
              const title = `${what} by ${compression}`;
              peer.send(data, { compression });
              const messages = await python.until('node_message', count);
              const { event: _event, peer: from, ...arrived } = messages.at(-1)!;
              assert.deepEqual({ from, ...arrived }, { from: ours.id, ...seen }, title);
              await python.send({ ...send, compression });
              assert.deepEqual(await ours.message(count), data, title);
            }
          }
          assert.deepEqual(python.of('exception'), []);
        },
        { python: { style } },
      );
    }

    withMixedPair('500 messages each way, none lost or reordered', direction, async (pair) => {
      const { ours, python, peer } = pair;
      const count = 500;
      const counting = python.count(ours.id, count);
      for (let number = 0; number < count; number++) peer.send({ number });
      await Promise.all([counting, ours.event('node_message', count), python.until('node_message', count)]);
      const numbers = Array.from({ length: count }, (_, number) => number);
      const seen = python.of('node_message').map(({ json }) => JSON.parse(json!).number);
      assert.deepEqual(seen, numbers);
      assert.deepEqual(
        ours.messages,
        numbers.map((number) => ({ number })),
      );
      assert.equal(ours.messageCountSend, count);
      assert.equal(ours.messageCountRecv, count);
    });
  }

  withMixedPair('1 MiB, with and without compression', 'we dial', async ({ ours, python, peer }) => {
    const large = new Uint8Array(mebibyte).fill(0xe9);
    for (const [index, compression] of compressions.entries()) {
      peer.send(large, { compression });
      const arrived = (await python.until('node_message', index + 1)).at(-1)!;
      assert.equal(arrived.type, 'bytes');
      assert.ok(arrived.hex === hexOf(large), compression);
      await python.send({ hex: hexOf(large), compression });
      assert.ok(Buffer.from((await ours.message(index + 1)) as Uint8Array).equals(large), compression);
    }
  });

  withMixedPair(
    'an object arrives as a dict, and its JSON text as a str',
    'we dial',
    async ({ python, peer }) => {
      peer.send({ a: 1 });
      peer.send(JSON.stringify({ a: 1 }));
      const [first, second] = await python.until('node_message', 2);
      assert.deepEqual([first!.type, first!.json], ['dict', '{"a":1}']);
      assert.deepEqual([second!.type, second!.hex], ['str', hexOf('{"a":1}')]);
    },
  );

  withMixedPair('what cannot go is refused by name', 'they dial', async ({ ours, python, peer }) => {
    assert.throws(() => peer.send('a\u0004b'), withCode('ERR_NOT_REPRESENTABLE', /0x04.*compression/));
    assert.throws(() => peer.send(Uint8Array.of(4)), withCode('ERR_NOT_REPRESENTABLE', /compression/));
    const unknown = { compression: 'zstd' } as const;
    assert.throws(() => peer.send('text', unknown), withCode('ERR_COMPRESSION_UNAVAILABLE', /zlib/));
    await assert.rejects(peer.deliver('text'), withCode('ERR_NOT_SUPPORTED', /deliver/));
    await assert.rejects(peer.request('text'), withCode('ERR_NOT_SUPPORTED', /request/));
    await assert.rejects(peer.openStream(), withCode('ERR_NOT_SUPPORTED', /openStream/));
    await assert.rejects(peer.ping(), withCode('ERR_NOT_SUPPORTED', /ping/));
    assert.equal(ours.messageCountSend, 0);
    const { sent, failed } = ours.sendToNodes({ weights: Float32Array.of(1) });
    assert.equal(sent, 0);
    assert.ok(withCode('ERR_NOT_REPRESENTABLE', /weights/)(failed[0]!.error));
    peer.send(Uint8Array.of(0xff, 4), { compression: 'zlib' });
    const [message] = await python.until('node_message');
    assert.equal(message!.hex, 'ff04');
  });

  withMixedPair('what cannot be decoded is rejected, and counted', 'they dial', async ({ ours, python }) => {
    await python.send({ text: `${Buffer.from('damagedzlib').toString('base64')}\u0002` });
    await python.send({ text: 'after' });
    assert.equal(await ours.message(), 'after');
    const [rejected] = ours.of('node_message_rejected');
    assert.ok(withCode('ERR_DECOMPRESSION')(rejected!.data));
    assert.equal(ours.messageCountRerr, 1);
  });

  withMixedPair(
    'a message that unfolds beyond the limit is rejected',
    'they dial',
    async ({ ours, python }) => {
      const packing = compressions.slice(1);
      for (const compression of packing) await python.send({ text: 'x'.repeat(200_000), compression });
      await python.send({ text: 'after' });
      assert.equal(await ours.message(), 'after');
      const errors = ours.of('node_message_rejected').map(({ data }) => (data as Error).message);
      assert.equal(errors.length, packing.length);
      for (const message of errors) assert.match(message, /larger than 100000 bytes/);
    },
    { ours: { limits: { maxMessageBytes: 100_000 } } },
  );

  test('sendToNodes reaches nodes of both kinds', async (t) => {
    const python = await PythonNode.start(t);
    if (python === undefined) return;
    const ours = await startOurs(t);
    const other = await startOurs(t);
    await ours.connectWithNode(other.host, other.port);
    await dialPython(ours, python);
    assert.equal(ours.sendToNodes({ hello: 'all' }, { compression: 'bzip2' }).sent, 2);
    assert.deepEqual(await other.message(), { hello: 'all' });
    const [message] = await python.until('node_message');
    assert.equal(message!.json, '{"hello":"all"}');
  });
});
