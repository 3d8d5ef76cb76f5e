import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { z } from 'zod';
import { type Answer, defineRequest, type PeerloomError } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes } from '../support/start-nodes.ts';

async function startStar(t: TestContext): Promise<[RecordingNode, RecordingNode[]]> {
  const [asker, ...others] = await startNodes(t, 4);
  for (const other of others) await connect(asker, other);
  return [asker, others];
}

async function collect<Response>(answers: AsyncIterable<Answer<Response>>): Promise<Answer<Response>[]> {
  const collected: Answer<Response>[] = [];
  for await (const answer of answers) collected.push(answer);
  return collected;
}

suite('requestFromNodes', () => {
  test('gives the answers as they come, and the peers that failed', async (t) => {
    const [asker, [quick, slow, broken]] = await startStar(t);
    const gate = Promise.withResolvers<string>();
    quick!.on('node_request', () => 'quick');
    slow!.on('node_request', () => gate.promise);
    broken!.on('node_request', () => Promise.reject(new Error('no')));
    broken!.on('node_error', () => {});
    const answers: Answer[] = [];
    for await (const answer of asker.requestFromNodes('who?')) {
      answers.push(answer);
      if (answers.length === 2) gate.resolve('slow');
    }
    assert.deepEqual(answers.at(-1), { peer: asker.peer(slow!), data: 'slow' });
    const byPeer = new Map(answers.map((answer) => [answer.peer.id, answer]));
    assert.equal(byPeer.get(quick!.id)!.data, 'quick');
    assert.ok(withCode('ERR_HANDLER')(byPeer.get(broken!.id)!.error));
  });

  test('throws as soon as too few can still answer', async (t) => {
    const [asker, [silent, ...answering]] = await startStar(t);
    for (const node of answering) node.on('node_request', () => 1);
    silent!.on('node_request', () => Promise.reject(new Error('no')));
    silent!.on('node_error', () => {});
    await assert.rejects(
      collect(asker.requestFromNodes('x', { atLeast: 3 })),
      withCode('ERR_TOO_FEW_ANSWERS', /^3 nodes must answer \(atLeast\), but only 2 can/),
    );
    await assert.rejects(
      collect(asker.requestFromNodes('x', { atLeast: 4 })),
      withCode('ERR_TOO_FEW_ANSWERS'),
    );
    assert.equal((await collect(asker.requestFromNodes('x', { atLeast: 2 }))).length, 3);
  });

  test('checks typed answers by their schema, and counts those that do not fit as failures', async (t) => {
    const [asker, [fitting, unfitting]] = await startStar(t);
    const load = defineRequest('load', {
      request: z.object({ of: z.string() }),
      response: z.coerce.number(),
    });
    fitting!.handle(load, (_peer, { of }) => of.length);
    unfitting!.on('node_request', () => 'much');
    const loads: number[] = [];
    const failures: unknown[] = [];
    for await (const { data, error } of asker.requestFromNodes(load, { of: 'cpu' }, { atLeast: 1 })) {
      if (error === undefined) loads.push(data);
      else failures.push((error as PeerloomError).code);
    }
    assert.deepEqual(loads, [3]);
    assert.deepEqual(failures.sort(), ['ERR_HANDLER', 'ERR_SCHEMA']);
    const tooMany = asker.requestFromNodes(load, { of: 'cpu' }, { atLeast: 2 });
    await assert.rejects(collect(tooMany), withCode('ERR_TOO_FEW_ANSWERS'));
  });

  test('gives up the requests without an answer when the loop is left', async (t) => {
    const [asker, [quick, ...silent]] = await startStar(t);
    quick!.on('node_request', () => 'enough');
    for (const node of silent) node.on('node_request', () => new Promise(() => {}));
    const requests = asker.allNodes.map((peer) => t.mock.method(peer, 'request'));
    for await (const { data } of asker.requestFromNodes('x', { timeoutMs: Number.POSITIVE_INFINITY })) {
      assert.equal(data, 'enough');
      break;
    }
    for (const request of requests) {
      const { signal } = request.mock.calls[0]!.arguments[1] as { signal: AbortSignal };
      assert.equal(signal.aborted, true);
    }
  });

  test('gives each peer the time that the options say', async (t) => {
    const [asker, others] = await startStar(t);
    for (const node of others) node.on('node_request', () => new Promise(() => {}));
    const answers = await collect(asker.requestFromNodes('x', { timeoutMs: 1 }));
    assert.deepEqual(
      answers.map(({ error }) => (error as PeerloomError).code),
      ['ERR_TIMEOUT', 'ERR_TIMEOUT', 'ERR_TIMEOUT'],
    );
  });

  test('gives up the requests without an answer when the signal of the options fires', async (t) => {
    const [asker, [quick, ...silent]] = await startStar(t);
    quick!.on('node_request', () => 'enough');
    for (const node of silent) node.on('node_request', () => new Promise(() => {}));
    const leaving = new AbortController();
    const { signal } = leaving;
    const codes: unknown[] = [];
    for await (const { error } of asker.requestFromNodes('x', {
      signal,
      timeoutMs: Number.POSITIVE_INFINITY,
    })) {
      codes.push((error as PeerloomError | undefined)?.code);
      leaving.abort();
    }
    assert.deepEqual(codes, [undefined, 'ERR_ABORTED', 'ERR_ABORTED']);
  });

  test('of a node without neighbours ends at once', async (t) => {
    const [alone] = await startNodes(t, 1);
    assert.deepEqual(await collect(alone.requestFromNodes('x')), []);
    await assert.rejects(
      collect(alone.requestFromNodes('x', { atLeast: 1 })),
      withCode('ERR_TOO_FEW_ANSWERS'),
    );
  });

  test('refuses wrong options at once', async (t) => {
    const [node] = await startNodes(t, 1);
    assert.throws(() => node.requestFromNodes('x', { atLeast: -1 }), RangeError);
    assert.throws(() => node.requestFromNodes('x', { atleast: 1 } as never), TypeError);
    assert.throws(() => node.requestFromNodes('x', { timeoutMs: 0 }), RangeError);
    for (const signal of [{}, null, new AbortController(), { aborted: false }]) {
      assert.throws(
        () => node.requestFromNodes('x', { signal: signal as never }),
        /^TypeError: signal must be an AbortSignal/,
      );
    }
  });
});
