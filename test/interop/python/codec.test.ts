import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { AnswerReader, IntroductionReader, introduction } from '../../../src/p2pnetwork/ids.ts';
import { decodePacket, encodePacket } from '../../../src/p2pnetwork/packet.ts';
import { packetEnd } from '../../../src/p2pnetwork/packet-reader.ts';
import { lzmaOptions } from '../../support/lzma.ts';
import { type PythonEvent, PythonNode, type PythonNodeOptions } from './python-node.ts';
import { RawPeer } from './raw-peer.ts';

const ownId = '12D3KooWus';
const maxBytes = 16 * 1024 * 1024;
const compressions = ['none', 'zlib', 'bzip2', 'lzma'] as const;

const hexOf = (text: string) => Buffer.from(text).toString('hex');
const asStr = (text: string) => ({ type: 'str', hex: hexOf(text) });

/** What we send, and what a Python node must make of it. */
const toPython: readonly [string, Data, Partial<PythonEvent>][] = [
  ['text', 'hello', asStr('hello')],
  ['text that is not ASCII', 'zażółć 🐍', asStr('zażółć 🐍')],
  ['empty text', '', asStr('')],
  ['text of digits', '123', asStr('123')],
  ['text that is JSON', ' {"a": [1]} ', asStr(' {"a": [1]} ')],
  ['text that is the name of a number', 'NaN', asStr('NaN')],
  ['text of a lone surrogate', '\ud800', { type: 'str', hex: 'eda080' }],
  ['text of very many digits, on which json.loads fails', '1'.repeat(5000), asStr('1'.repeat(5000))],
  ['text of very many brackets, on which json.loads fails', '['.repeat(5000), asStr('['.repeat(5000))],
  ['a number', 123, { type: 'int', json: '123' }],
  ['minus zero', -0, { type: 'float', json: '-0.0' }],
  ['true', true, { type: 'bool', json: 'true' }],
  ['null', null, { type: 'NoneType', json: 'null' }],
  [
    'an object',
    { b: [1, { c: null }], a: 'é' },
    { type: 'dict', json: '{"a":"\\u00e9","b":[1,{"c":null}]}' },
  ],
  ['a list with NaN', [Number.NaN, -Infinity, 1e300], { type: 'list', json: '[NaN,-Infinity,1e+300]' }],
  ['bytes', Uint8Array.of(0, 255, 3), { type: 'bytes', hex: '00ff03' }],
  ['bytes that are UTF-8', Uint8Array.of(0x68, 0x69), asStr('hi')],
  ['a typed array', Float32Array.of(1, -1), { type: 'bytes', hex: '0000803f000080bf' }],
  [
    '1 MiB of bytes',
    new Uint8Array(1024 * 1024).fill(0xe9),
    { type: 'bytes', hex: 'e9'.repeat(1024 * 1024) },
  ],
];

/** What only a compression carries. */
const toPythonCompressed: readonly [string, Data, Partial<PythonEvent>][] = [
  ['no bytes', new Uint8Array(0), asStr('')],
  ['bytes with 0x04', Uint8Array.of(0xff, 4, 1), { type: 'bytes', hex: 'ff0401' }],
  ['bytes that end with 0x02', Uint8Array.of(0xff, 2), { type: 'bytes', hex: 'ff02' }],
  ['text with 0x04', 'a\u0004b', asStr('a\u0004b')],
];

/** What a Python node sends, and what we must make of it. */
const fromPython: readonly [string, { json?: unknown; text?: string; hex?: string }, Data][] = [
  ['a str', { text: 'hello' }, 'hello'],
  ['a str that is not ASCII', { text: 'zażółć 🐍' }, 'zażółć 🐍'],
  ['a dict', { json: { a: [1, 2.5, null, true, { b: 'é' }] } }, { a: [1, 2.5, null, true, { b: 'é' }] }],
  ['a dict with keys that are not ASCII', { json: { é: 1, '"': 2, '\\': 3 } }, { é: 1, '"': 2, '\\': 3 }],
  ['bytes', { hex: '00ff10' }, Uint8Array.of(0, 255, 16)],
  ['bytes that are UTF-8', { hex: hexOf('hi') }, 'hi'],
  ['a str of digits', { text: '123' }, 123],
  ['a str of more digits than a number holds', { text: '12345678901234567890' }, '12345678901234567890'],
  ['1 MiB of bytes', { hex: 'e9'.repeat(1024 * 1024) }, new Uint8Array(1024 * 1024).fill(0xe9)],
];

suite('packets and a real Python node', () => {
  for (const compression of compressions) {
    const options = compression === 'lzma' ? lzmaOptions : {};
    test(`ours arrive there, compression ${compression}`, options, async (t) => {
      const pair = await dial(t);
      if (pair === undefined) return;
      const { python, raw } = pair;
      const samples = compression === 'none' ? toPython : [...toPython, ...toPythonCompressed];
      for (const [index, [what, data, expected]] of samples.entries()) {
        raw.write(encodePacket(data, { compression }));
        const messages = await python.until('node_message', index + 1);
        const { event: _event, peer: _peer, ...arrived } = messages.at(-1)!;
        assert.deepEqual(arrived, expected, what);
      }
      assert.deepEqual(python.of('exception'), []);
    });

    test(`theirs arrive here, compression ${compression}`, options, async (t) => {
      const pair = await dial(t);
      if (pair === undefined) return;
      const { python, raw } = pair;
      for (const [what, message, expected] of fromPython) {
        await python.send({ ...message, compression });
        assert.deepEqual(decodePacket(await raw.takeUntil(packetEnd), maxBytes), expected, what);
      }
    });
  }
});

suite('ids and a real Python node', () => {
  for (const style of ['class', 'callback'] as const) {
    test(`it takes our introduction, and we its answer (${style})`, async (t) => {
      const python = await PythonNode.start(t, { style });
      if (python === undefined) return;
      const raw = await RawPeer.dial(t, python.port, introduction(ownId, 10001));
      const answered = new AnswerReader({ ownId }).push(await raw.take(128));
      assert.equal(answered?.id, python.id);
      const [connected] = await python.until('inbound_node_connected');
      assert.equal(connected!.peer, ownId);
    });
  }

  test('we take its introduction, and it our answer', async (t) => {
    const python = await PythonNode.start(t, { id: 'a node of its own' });
    if (python === undefined) return;
    const { port, accepted } = await RawPeer.listen(t);
    const connecting = python.connect(port);
    const raw = await accepted;
    const reader = new IntroductionReader();
    const read = reader.push(await raw.take(`a node of its own:${python.port}`.length)) ?? reader.settle();
    assert.equal(read?.id, 'a node of its own');
    assert.equal(read?.port, python.port);
    raw.write(ownId);
    assert.equal(await connecting, true);
    const [connected] = await python.until('outbound_node_connected');
    assert.equal(connected!.peer, ownId);
  });
});

/** A Python node that a bare socket is connected to, both past their ids. */
async function dial(
  t: TestContext,
  options: PythonNodeOptions = {},
): Promise<{ python: PythonNode; raw: RawPeer } | undefined> {
  const python = await PythonNode.start(t, options);
  if (python === undefined) return undefined;
  const raw = await RawPeer.dial(t, python.port, introduction(ownId, 10001));
  await raw.take(python.id.length);
  await python.until('inbound_node_connected');
  return { python, raw };
}
