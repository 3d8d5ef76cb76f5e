import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Node, type StateDetails, type StateDict, type StateOffer, Tensor } from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { Cable } from '../support/cable.ts';
import { withCode } from '../support/errors.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes, startPair, startVirtualNodes } from '../support/start-nodes.ts';

const mebibyte = 2 ** 20;

function weights(count: number, seed = 1): Tensor {
  return Tensor.from(Float32Array.from({ length: count }, (_, index) => Math.fround((index * seed) % 977)));
}

/** Of all kinds: empty ones at both ends and in between, a scalar, a name like what all objects have. */
const small: StateDict = {
  none: Tensor.from([]),
  'layer.weight': Tensor.from([
    [1, 2],
    [3, 4],
  ]),
  ['constructor' as string]: Tensor.from([1n, 2n]),
  nothing: new Tensor('bfloat16', [0, 4], new Uint8Array(0)),
  flags: Tensor.from([true, false]),
  scale: Tensor.from(0.5, { dtype: 'float64' }),
  last: new Tensor('int8', [0], new Uint8Array(0)),
};

/** Keeps the states that arrive. */
class Learner extends RecordingNode {
  readonly states: StateDict[] = [];
  readonly details: StateDetails[] = [];
  readonly offers: StateOffer[] = [];
  answer: unknown;
  onProgress: StateOffer['onProgress'];
  whenHandled: (() => unknown) | undefined;

  override nodeStateOffered(_peer: unknown, offer: StateOffer): unknown {
    this.offers.push(offer);
    offer.onProgress = this.onProgress;
    return this.answer;
  }

  override nodeState(_peer: unknown, state: StateDict, details: StateDetails): unknown {
    this.states.push(state);
    this.details.push(details);
    return this.whenHandled?.();
  }
}

suite('sendState', () => {
  test('hands over a state as it was, with what is said of it', async (t) => {
    const { a, b } = await startPair(t, { kind: Learner });
    await a.sendState(b.id, small, { info: { round: 3, weights: Tensor.from([1]) } });
    assert.deepStrictEqual(b.states, [small]);
    assert.deepEqual(Object.keys(b.states[0]!), Object.keys(small));
    assert.deepStrictEqual(b.details[0]!.info, { round: 3, weights: Tensor.from([1]) });
    assert.deepEqual([b.details[0]!.tensors, b.details[0]!.bytes], [7, 42]);
    await a.sendState(b.id, { bias: Float32Array.of(1, 2) });
    assert.deepEqual(b.states.pop(), { bias: Tensor.from(Float32Array.of(1, 2)) });
    await a.sendState(b.id, {});
    assert.deepEqual(b.states[1], {});
  });

  test('takes more than a message can, reports progress on both sides, and lets messages pass', async (t) => {
    const { a, b, connection } = await startPair(t, { kind: Learner });
    const state = { large: weights(5 * mebibyte), other: weights(1_000, 3) };
    const received: number[] = [];
    const sent: number[] = [];
    b.onProgress = (bytes, total) => {
      if (received.length === 0) connection.send('a message meanwhile');
      assert.equal(total, 20 * mebibyte + 4_000);
      received.push(bytes);
    };
    await a.sendState(connection, state, { onProgress: (bytes) => sent.push(bytes) });
    assert.deepStrictEqual(b.states, [state]);
    for (const steps of [sent, received]) {
      assert.ok(steps.length > 10, `${steps.length} steps`);
      assert.deepEqual(
        steps,
        [...steps].sort((one, other) => one - other),
      );
      assert.equal(steps.at(-1), 20 * mebibyte + 4_000);
    }
    const names = b.names.filter((name) => name === 'node_message' || name === 'node_state');
    assert.deepEqual(names, ['node_message', 'node_state']);
    // Nothing is left that counts as memory of a peer.
    assert.ok(b.memoryBudget.heldBytes < mebibyte, `${b.memoryBudget.heldBytes} bytes`);
  });

  test('resolves when the handlers have run, and rejects if one of them fails', async (t) => {
    const { a, b } = await startPair(t, { kind: Learner });
    const { promise, resolve } = Promise.withResolvers<void>();
    let isHandled = false;
    b.whenHandled = async () => {
      await promise;
      isHandled = true;
    };
    const sending = a.sendState(b.id, small);
    await b.event('node_state');
    resolve();
    await sending;
    assert.ok(isHandled);
    b.whenHandled = () => {
      throw new Error('a secret');
    };
    await assert.rejects(
      a.sendState(b.id, small),
      withCode('ERR_HANDLER', /^a handler of the other side failed$/),
    );
    assert.match(String((b.of('node_error')[0]!.data as { error: unknown }).error), /a secret/);
  });

  test('is refused by a handler, and by the limits, before any of it is sent', async (t) => {
    const [a, b] = await startNodes(t, 2, { kind: Learner, options: { limits: { maxStateBytes: 1_000 } } });
    await connect(a, b);
    for (b.answer of [false, Promise.resolve(false)]) {
      await assert.rejects(
        a.sendState(b.id, small),
        withCode('ERR_STATE_REFUSED', /refused the state: the node does not want it$/),
      );
    }
    b.answer = undefined;
    const message = /it has 1004 bytes, and 1000 are allowed \(limits\.maxStateBytes/;
    await assert.rejects(a.sendState(b.id, { large: weights(251) }), withCode('ERR_STATE_REFUSED', message));
    assert.equal(b.offers.length, 2);
    await a.sendState(b.id, { large: weights(250) });
    assert.deepEqual(b.states.length, 1);
  });

  test('fails where nobody handles states', async (t) => {
    const [a] = await startNodes(t, 1, { kind: Learner });
    const deaf = new Node('127.0.0.1', 0);
    await deaf.start();
    try {
      const peer = await a.connectWithNode('127.0.0.1', deaf.port);
      await assert.rejects(a.sendState(peer, small), withCode('ERR_HANDLER'));
    } finally {
      await deaf.stop();
    }
  });

  test('refuses wrong arguments at once, and says which', async (t) => {
    const { a, b } = await startPair(t, { kind: Learner });
    const send = (state: unknown, options?: unknown): Promise<void> =>
      a.sendState(b.id, state as StateDict, options as object);
    await assert.rejects(send({ a: [1] }), /TypeError: state\['a'\] must be a Tensor/);
    await assert.rejects(send(null), /TypeError: state must be an object/);
    await assert.rejects(send(small, { progress: 1 }), /TypeError: progress is not an option/);
    await assert.rejects(send(small, { timeoutMs: 0 }), RangeError);
    await assert.rejects(send(small, { onProgress: 1 }), TypeError);
    await assert.rejects(
      send({ ['n'.repeat(513)]: small.flags }),
      /RangeError: the name of a tensor has at most 512/,
    );
    const many = Object.fromEntries(Array.from({ length: 16_385 }, (_, index) => [`${index}`, small.last]));
    await assert.rejects(send(many), /RangeError: a state has at most 16384 tensors/);
    await assert.rejects(a.sendState('nobody', small), withCode('ERR_NOT_CONNECTED'));
    assert.equal(b.offers.length, 0);
  });

  test('is aborted by its signal and by a progress function that throws; the rest can be sent later', async (t) => {
    const { a, b } = await startPair(t, { kind: Learner });
    const state = { large: weights(mebibyte) };
    const controller = new AbortController();
    const stopHalfWay = (bytes: number): void => void (bytes > mebibyte && controller.abort());
    const options = { onProgress: stopHalfWay, signal: controller.signal };
    await assert.rejects(a.sendState(b.id, state, options), withCode('ERR_ABORTED'));
    const fail = (): void => {
      throw new Error('a bug');
    };
    await assert.rejects(a.sendState(b.id, state, { onProgress: fail }), /a bug/);
    await a.sendState(b.id, state);
    assert.deepStrictEqual(b.states, [state]);
  });
});

suite('a state whose link breaks in the middle', () => {
  const state = { first: weights(mebibyte, 5), second: weights(2 * mebibyte, 7) };

  test('is sent again from where it broke, over another connection', async (t) => {
    const [a, b] = await startNodes(t, 2, { kind: Learner });
    const peer = await connect(a, b);
    b.onProgress = (bytes) => void (bytes > 6 * mebibyte && b.peer(a).stop());
    await assert.rejects(a.sendState(peer, state), withCode('ERR_CONNECTION_CLOSED'));
    await a.event('outbound_node_disconnected');
    b.onProgress = undefined;
    await connect(a, b);
    // Another state of the same peer does not go on with what is kept, nor end it.
    await a.sendState(b.id, { first: weights(10) });
    assert.equal(b.offers.splice(1, 1)[0]!.resumedAt, 0);
    b.states.pop();
    const sent: number[] = [];
    await a.sendState(b.id, state, { onProgress: (bytes) => sent.push(bytes) });
    assert.deepStrictEqual(b.states, [state]);
    assert.ok(sent[0]! > 6 * mebibyte, `resumed at ${sent[0]}`);
    assert.equal(b.offers[1]!.resumedAt, sent[0]);
    // The same one again begins anew: what was kept of it is used up.
    await a.sendState(b.id, state);
    assert.equal(b.offers[2]!.resumedAt, 0);
    assert.deepStrictEqual(b.states[1], state);
  });

  test('goes on by itself where the connection has a session', async (t) => {
    const [a, b] = await startNodes(t, 2, {
      kind: Learner,
      options: { reconnect: { minDelayMs: 1, maxDelayMs: 10 } },
    });
    const cable = await Cable.to(b.port);
    const peer = await a.connectWithNode('127.0.0.1', cable.port, { reconnect: true });
    let cuts = 0;
    b.onProgress = (bytes) => {
      if (bytes > (cuts + 1) * 3 * mebibyte && cuts < 3) cable.cut();
      if (bytes > (cuts + 1) * 3 * mebibyte) cuts += 1;
    };
    try {
      await a.sendState(peer, state);
    } finally {
      cable.close();
    }
    assert.deepStrictEqual(b.states, [state]);
    assert.ok(cuts >= 3 && cable.links > 1, `${cuts} cuts, ${cable.links} links`);
    assert.equal(b.offers.length, 1);
  });

  test('is forgotten after five minutes', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 2, { kind: Learner });
    const [a, b] = nodes;
    const held = b.memoryBudget.heldBytes;
    const breakOff = async (): Promise<void> => {
      await runtime.settle(a.connectWithNode(b.host, b.port));
      b.onProgress = (bytes) => void (bytes > mebibyte && b.peer(a).stop());
      await assert.rejects(runtime.settle(a.sendState(b.id, state)), withCode('ERR_CONNECTION_CLOSED'));
      await runtime.advance(100);
    };
    await breakOff();
    assert.ok(b.memoryBudget.heldBytes >= held + 4 * mebibyte);
    await runtime.advance(299_000);
    assert.ok(b.memoryBudget.heldBytes >= held + 4 * mebibyte);
    await runtime.advance(2_000);
    assert.ok(b.memoryBudget.heldBytes < mebibyte);
    await breakOff();
    await runtime.settle(b.stop());
    assert.ok(b.memoryBudget.heldBytes < mebibyte);
  });
});

test('a SecureNode signs what it says of a state, and so the state, whose hash it names', async () => {
  const states: StateDict[] = [];
  const nodes = [new SecureNode('127.0.0.1', 0), new SecureNode('127.0.0.1', 0)] as const;
  const [a, b] = nodes;
  let author: string | undefined;
  b.on('node_state_offered', () => {
    author = b.message?.author;
  });
  b.on('node_state', (_peer, state) => void states.push(state));
  await Promise.all(nodes.map((node) => node.start()));
  const peer = await a.connectWithNode('127.0.0.1', b.port);
  await a.sendState(peer, small);
  assert.deepStrictEqual(states, [small]);
  assert.equal(author, a.id);
  await Promise.all(nodes.map((node) => node.stop()));
});
