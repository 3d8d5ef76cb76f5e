/** A node of ours between Python nodes: what it hands on, and what its handlers see of the original. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import type { Data, NodeOptions } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { dialPython, startOurs } from './nodes.ts';
import { PythonNode } from './python-node.ts';
import { RawPeer } from './raw-peer.ts';

/** Texts whose value JavaScript writes in another way, or cannot hold. */
const texts = [
  '{"amount": 10.0}',
  '{"x": 1e-05, "y": 1e+16, "z": 123456789012345680000.0}',
  '{"b": 1, "10": 2, "9": 3}',
  '{"a": -0.0, "n": NaN, "i": Infinity}',
  '{"s": "\\ud83d\\ude00 \\u0000 \\ud800"}',
  '{"a": 1, "a": 2}',
  ' {"a":1}',
  'plain \u2603',
  '"quoted"',
  '1.0',
  '1E5',
  '[]',
  "{'single': 1}",
];
const longTexts = ['{"t": 1795975852112668106}', '1795975852112668106', '[9007199254740993]'];

interface Line {
  readonly relay: RecordingNode;
  /** Sends packets to the relay. */
  readonly from: RawPeer;
  /** Gets what the relay hands on. */
  readonly to: RawPeer;
}

async function open(t: TestContext, options: NodeOptions = {}): Promise<Line> {
  const relay = await startOurs(t, options);
  const [from, to] = [
    await RawPeer.dial(t, relay.port, 'from:10001'),
    await RawPeer.dial(t, relay.port, 'to:10002'),
  ];
  for (const raw of [from, to]) await raw.take(relay.id.length);
  await relay.event('inbound_node_connected', 2);
  t.after(() => {
    for (const raw of [from, to]) raw.socket.resetAndDestroy();
  });
  return { relay, from, to };
}

suite('a relay of ours', () => {
  test('hands on the very text of each message, to whom and in whatever style it is written', async (t) => {
    for (const style of ['method', 'listener', 'callback'] as const) {
      const handOn = (node: RecordingNode, id: string, text: string | undefined): void => {
        const { sent } = node.sendToNodes(text!, { exclude: [id], verbatim: true });
        assert.equal(sent, 1);
      };
      const { relay, from, to } = await open(t, {
        p2pnetwork: { bigIntegers: true },
        ...(style === 'callback' && {
          callback: (event, node, peer, _data, text) => {
            if (event === 'node_message') handOn(node as RecordingNode, peer!.id, text);
          },
        }),
      });
      if (style === 'listener') relay.on('node_message', (peer, _data, text) => handOn(relay, peer.id, text));
      if (style === 'method') relay.nodeMessage = (peer, _data, text) => handOn(relay, peer.id, text);
      for (const text of [...texts, ...longTexts]) {
        from.write(`${text}\u0004`);
        assert.equal((await to.takeUntil(4)).toString(), text, style);
      }
      assert.deepEqual(relay.of('node_error'), []);
    }
  });

  test('hands on values with all digits, to nodes of both kinds', async (t) => {
    const { relay, from, to } = await open(t, { p2pnetwork: { bigIntegers: true } });
    const other = await startOurs(t);
    await relay.connectWithNode(other.host, other.port);
    relay.on('node_message', (peer, data) => void relay.sendToNodes(data, { exclude: [peer] }));
    const values: [string, Data][] = [
      ['{"t":1795975852112668106}', { t: 1795975852112668106n }],
      ['[-9007199254740993,1]', [-9007199254740993n, 1]],
      ['1795975852112668106', 1795975852112668106n],
    ];
    for (const [index, [text, value]] of values.entries()) {
      from.write(`${text}\u0004`);
      assert.equal((await to.takeUntil(4)).toString(), text);
      assert.deepEqual(await other.message(index + 1), value);
    }
  });

  test('rejects whole numbers that it cannot hold, unless it is told to take bigints', async (t) => {
    const { relay, from } = await open(t);
    from.write('{"t": 1795975852112668106}\u0004after\u0004');
    assert.equal(await relay.message(), 'after');
    const [rejected] = relay.of('node_message_rejected');
    const advice = /1795975852112668106.*p2pnetwork: \{ bigIntegers: true \}/;
    assert.ok(withCode('ERR_MESSAGE_INVALID', advice)(rejected!.data));
  });

  test('gives no text for bytes, nor for messages of our own nodes', async (t) => {
    const { relay, from } = await open(t);
    const other = await startOurs(t);
    const peer = await other.connectWithNode(relay.host, relay.port);
    const seen: unknown[][] = [];
    relay.on('node_message', (_peer, ...rest) => void seen.push(rest));
    await peer.deliver('text');
    from.write(Buffer.from([0xff, 4]));
    await relay.event('node_message', 2);
    assert.deepEqual(seen, [['text'], [Uint8Array.of(0xff)]]);
  });

  test('sends text in quotes to Python nodes unless it is to go as it is; to ours it is the same', async (t) => {
    const { relay, to } = await open(t);
    const other = await startOurs(t);
    await relay.connectWithNode(other.host, other.port);
    relay.sendToNodes('10.0', { exclude: ['from'] });
    relay.sendToNodes('10.0', { exclude: ['from'], verbatim: true });
    relay.sendToNodes('10.0', { exclude: ['from'], verbatim: true, compression: 'zlib' });
    assert.equal((await to.takeUntil(4)).toString(), '"10.0"');
    assert.equal((await to.takeUntil(4)).toString(), '10.0');
    assert.deepEqual(
      [await other.message(1), await other.message(2), await other.message(3)],
      ['10.0', '10.0', '10.0'],
    );
    const { failed } = relay.sendToNodes({ a: 1 }, { exclude: ['from'], verbatim: true });
    assert.deepEqual(
      failed.map(({ error }) => error.name),
      ['TypeError'],
    );
  });
});

test('a signature over the text that a Python node sent can be checked, and passed on to another', async (t) => {
  const [signer, reader] = [await PythonNode.start(t), await PythonNode.start(t)];
  if (signer === undefined || reader === undefined) return;
  const ours = await startOurs(t, { p2pnetwork: { bigIntegers: true } });
  await dialPython(ours, signer);
  await dialPython(ours, reader);
  const block = { amount: 10.5, '10': 'b', '9': 'a', zażółć: '🐍' };
  let digest = '';
  ours.on('node_message', (peer, _data, text) => {
    digest = createHash('sha256').update(text!).digest('hex');
    ours.sendToNodes(text!, { exclude: [peer], verbatim: true });
  });
  await signer.send({ json: block });
  const [seen] = await reader.until('node_message');
  assert.equal(seen!.type, 'dict');
  // json.dumps of Python, whose spaces and escapes JSON.stringify does not write.
  const sent = '{"9": "a", "10": "b", "amount": 10.5, "za\\u017c\\u00f3\\u0142\\u0107": "\\ud83d\\udc0d"}';
  assert.equal(digest, createHash('sha256').update(sent).digest('hex'));
});
