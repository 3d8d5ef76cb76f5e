import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity, MemoryHub, memory, Node, type NodeOptions } from '../../../src/index.ts';
import { type Envelope, sign } from '../../../src/secure/envelope.ts';
import { encodeSecureFrame, SecureFrameKind } from '../../../src/secure/secure-frames.ts';
import { SecureFrames } from '../../support/secure-frames.ts';
import { until } from '../../support/turns.ts';
import { connect, TestSecureNode } from './support/secure-nodes.ts';

const MiB = 1024 * 1024;
const neighbourCount = 12;

/** Takes what it is to pass on, and never says what has become of it. */
class Neighbour extends Node {
  readonly requests: Data[] = [];
  takes = true;

  constructor(host: string, options: NodeOptions) {
    const frames = new SecureFrames();
    super(host, 1, { ...options, protocols: [frames] });
    frames.onFrame = ({ kind, data }, peer) => {
      if (kind !== SecureFrameKind.relay) return;
      this.requests.push(data);
      const { hash } = data as unknown as Envelope;
      if (this.takes) peer.send(encodeSecureFrame(SecureFrameKind.taken, hash));
    };
  }
}

/** A relay whose budget would not hold a letter for each neighbour, and Mallory among its neighbours. */
async function setUp(t: TestContext) {
  const hub = new MemoryHub();
  const transports = () => [memory({ hub })];
  const limits = { memoryBudgetBytes: 72 * MiB };
  const relay = new TestSecureNode('relay', 1, { transports: transports(), limits });
  const honest = new TestSecureNode('honest', 1, { transports: transports() });
  const identity = Identity.generate();
  // Hears what has become of the letters that it brings.
  const frames = new SecureFrames();
  const answers: Data[] = [];
  frames.onFrame = ({ kind, data }) => {
    if (kind === SecureFrameKind.relayed) answers.push((data as { readonly answer: Data }).answer);
  };
  const mallory = new Node('mallory', 1, { transports: transports(), identity, protocols: [frames] });
  const neighbours = Array.from(
    { length: neighbourCount },
    (_, index) => new Neighbour(`neighbour${index}`, { transports: transports() }),
  );
  const nodes = [relay, honest, mallory, ...neighbours];
  t.after(() => Promise.all(nodes.map((node) => node.stop())));
  await Promise.all(nodes.map((node) => node.start()));
  for (const neighbour of neighbours) await neighbour.connectWithNode('relay', 1);
  await connect(honest, relay);
  await mallory.connectWithNode('relay', 1);
  await until(() => relay.allNodes.length === nodes.length - 1, 'all are connected');
  const letter = (bytes: number): Envelope => {
    const id = randomBytes(16).toString('hex');
    const to = Identity.generate().id;
    const data = new Uint8Array(bytes);
    return sign(identity, { author: identity.id, time: Date.now(), id, kind: 'letter', to, data });
  };
  const bring = (bytes: number, budgetMs: number): Promise<boolean> =>
    frames.relay(relay.id, letter(bytes) as unknown as Data, budgetMs);
  /** Nobody was dropped, and the relay answers. */
  const isWell = async (): Promise<void> => {
    assert.equal(relay.allNodes.length, nodes.length - 1);
    await honest.ping(relay.id, { timeoutMs: 60_000 });
    assert.deepEqual(relay.errors, []);
  };
  return { relay, honest, neighbours, answers, bring, isWell };
}

suite('large letters to nobody', () => {
  test('go to every neighbour, and none of them pays for it', async (t) => {
    const { relay, neighbours, answers, bring, isWell } = await setUp(t);
    assert.equal(await bring(4 * MiB, 2_000), true);
    await until(() => answers.length === 1, 'mallory is told');
    assert.deepEqual(answers, [null]);
    for (const { requests } of neighbours) assert.equal(requests.length, 1);
    assert.deepEqual(relay.rejected, []);
    await isWell();
  });

  test('many at once, are refused when too many are under way', async (t) => {
    const { neighbours, answers, bring, isWell } = await setUp(t);
    for (const neighbour of neighbours) neighbour.takes = false;
    const taken = await Promise.all(Array.from({ length: 8 }, () => bring(4 * MiB - 1_024, 10_000)));
    assert.deepEqual([taken.filter((isTaken) => isTaken).length, taken.length], [1, 8]);
    await isWell();
    await until(() => answers.length === 1, 'mallory is told of the one that was taken');
    assert.equal(await bring(4 * MiB, 500), true, 'then there is room again');
    await isWell();
  });

  test('small ones are refused when too many are under way, and those of others are not', async (t) => {
    const { honest, relay, bring, isWell } = await setUp(t);
    const taken = await Promise.all(Array.from({ length: 1_200 }, () => bring(100, 60_000)));
    assert.equal(taken.filter((isTaken) => isTaken).length, 1_024);
    await isWell();
    const { nodes } = await honest.discover({ timeoutMs: 1_000 });
    assert.ok(nodes.includes(relay.id), 'a survey of another neighbour is answered');
  });

  test('of 15 MiB go nowhere', async (t) => {
    const { relay, neighbours, bring, isWell } = await setUp(t);
    assert.equal(await bring(15 * MiB, 2_000), false);
    assert.deepEqual(
      neighbours.flatMap(({ requests }) => requests),
      [],
    );
    assert.equal(await bring(5 * MiB, 2_000), false);
    assert.deepEqual(relay.rejected, Array(2).fill('ERR_MESSAGE_TOO_LARGE'));
    await isWell();
  });
});
