import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type Data, Identity, MemoryHub, memory, Node, type NodeOptions } from '../../../src/index.ts';
import { type Envelope, sign } from '../../../src/secure/envelope.ts';
import { encodeSecureFrame, SecureFrameKind } from '../../../src/secure/secure-frames.ts';
import { SecureFrames } from '../../support/secure-frames.ts';
import { until } from '../../support/turns.ts';
import { connect, TestSecureNode } from './support/secure-nodes.ts';

/** Takes part in surveys, and answers what a test has made up. */
class Mallory extends Node {
  answer: (survey: Envelope) => Data = () => null;

  constructor(options: NodeOptions) {
    const frames = new SecureFrames();
    super('mallory', 1, { ...options, protocols: [frames] });
    frames.onFrame = ({ kind, data }, peer) => {
      if (kind !== SecureFrameKind.relay) return;
      const letter = data as unknown as Envelope;
      const { hash } = letter;
      peer.send(encodeSecureFrame(SecureFrameKind.relayed, { hash, answer: this.answer(letter) }));
    };
  }
}

/** asker – relay – far – farther, and Mallory at the relay. */
async function setUp(t: TestContext) {
  const hub = new MemoryHub();
  const nodes = ['asker', 'relay', 'far', 'farther'].map(
    (name) => new TestSecureNode(name, 1, { name, transports: [memory({ hub })] }),
  );
  const identity = Identity.generate();
  const mallory = new Mallory({ transports: [memory({ hub })], identity });
  t.after(() => Promise.all([...nodes, mallory].map((node) => node.stop())));
  await Promise.all([...nodes, mallory].map((node) => node.start()));
  const [asker, relay, far, farther] = nodes as [
    TestSecureNode,
    TestSecureNode,
    TestSecureNode,
    TestSecureNode,
  ];
  await connect(asker, relay);
  await connect(relay, far);
  await connect(far, farther);
  await mallory.connectWithNode('relay', 1);
  await until(() => relay.allNodes.length === 3, 'mallory is connected');
  const statement = (survey: Envelope, neighbours: string[]): Envelope =>
    sign(identity, {
      author: identity.id,
      time: Date.now(),
      id: randomBytes(16).toString('hex'),
      kind: 'neighbours',
      to: survey.author,
      data: { request: survey.id, neighbours },
    });
  return { asker, relay, far, farther, mallory, statement };
}

test('a neighbour of a relay takes nobody off the map, whatever it answers', async (t) => {
  const { asker, relay, far, farther, mallory, statement } = await setUp(t);
  const everybody = [asker, relay, far, farther, mallory].map(({ id }) => id).sort();
  const answers: ((survey: Envelope) => unknown)[] = [
    () => [{ author: { toString: 1 } }],
    () => [far.id, farther.id].map((author) => ({ author })),
    (survey) => [far.id, farther.id].map((author) => ({ ...statement(survey, []), author })),
    () => 'no list',
  ];
  for (const [index, answer] of answers.entries()) {
    mallory.answer = answer as (survey: Envelope) => Data;
    const { nodes, links } = await asker.discover();
    assert.deepEqual([...nodes].sort(), everybody, `answer ${index}`);
    assert.equal(links.length, 4);
  }
  assert.deepEqual(asker.rejected, []);
  assert.deepEqual(relay.rejected, ['ERR_ENVELOPE_INVALID', 'ERR_ENVELOPE_INVALID', 'ERR_HASH_MISMATCH']);
});

test('a neighbour of a relay is on the map when it answers for itself', async (t) => {
  const { asker, relay, mallory, statement } = await setUp(t);
  const stranger = Identity.generate().id;
  mallory.answer = (survey) => [statement(survey, [relay.id, stranger])] as unknown as Data;
  const { nodes, links } = await asker.discover();
  assert.ok(nodes.includes(stranger));
  assert.ok(links.some((pair) => pair.includes(stranger) && pair.includes(mallory.id)));
  assert.deepEqual(relay.rejected, []);
});
