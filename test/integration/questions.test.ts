import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Data, NodeConnection } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { HandMadePeer } from '../support/hand-made-peer.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { startPair, startVirtualNodes } from '../support/start-nodes.ts';
import { turns } from '../support/turns.ts';

class SquaringNode extends RecordingNode {
  override async nodeRequest(_peer: NodeConnection, data: Data): Promise<Data> {
    return (data as number) ** 2;
  }
}

async function startVirtualPair(t: TestContext) {
  const { nodes, runtime } = await startVirtualNodes(t, 2);
  const [a, b] = nodes;
  const connection = await runtime.settle(a.connectWithNode(b.host, b.port));
  return { b, connection, runtime };
}

suite('request', () => {
  test('brings back what the other side answers, a thousand at once', async (t) => {
    const { connection } = await startPair(t, { kind: SquaringNode });
    const numbers = Array.from({ length: 1_000 }, (_, index) => index);
    const answers = await Promise.all(numbers.map((number) => connection.request(number)));
    assert.deepEqual(
      answers,
      numbers.map((number) => number ** 2),
    );
  });

  test('is answered as soon as there is an answer, not in order', async (t) => {
    const { b, connection } = await startPair(t);
    const gate = Promise.withResolvers<string>();
    b.on('node_request', (_peer, data) => (data === 'slow' ? gate.promise : 'quick answer'));
    const slow = connection.request('slow');
    assert.equal(await connection.request('quick'), 'quick answer');
    gate.resolve('slow answer');
    assert.equal(await slow, 'slow answer');
  });

  test('is answered by the first style that has something to say', async (t) => {
    const asked: string[] = [];
    class AnsweringNode extends RecordingNode {
      override nodeRequest(_peer: NodeConnection, data: Data): unknown {
        asked.push('method');
        return data === 'for the method' ? 'method' : undefined;
      }
    }
    const callback = (event: string, _node: unknown, _peer: unknown, data: unknown): unknown => {
      if (event !== 'node_request') return undefined;
      asked.push('callback');
      return data === 'for the callback' ? 'callback' : undefined;
    };
    const { b, connection } = await startPair(t, { kind: AnsweringNode, options: { callback } });
    b.on('node_request', () => {
      asked.push('listener');
      return 'listener';
    });
    b.on('node_request', () => assert.fail('an answer was there already'));
    assert.equal(await connection.request('for the method'), 'method');
    assert.equal(await connection.request('for the callback'), 'callback');
    assert.equal(await connection.request('for the listener'), 'listener');
    assert.deepEqual(asked, ['method', 'method', 'callback', 'method', 'callback', 'listener']);
  });

  test('may be answered with null, false or an empty text', async (t) => {
    const { b, connection } = await startPair(t);
    b.on('node_request', (_peer, data) => data);
    for (const data of [null, false, '', 0]) assert.equal(await connection.request(data), data);
  });

  test('without anybody to answer fails', async (t) => {
    const { connection } = await startPair(t);
    await assert.rejects(connection.request('anyone?'), withCode('ERR_HANDLER', /returned no response/));
    assert.equal(connection.isOpen, true);
  });

  for (const [verb, fail] of [
    [
      'throws',
      () => {
        throw new Error('a secret of the other side');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a secret of the other side'))],
  ] as const) {
    test(`to a handler that ${verb} fails, and tells nothing of the error`, async (t) => {
      const { b, connection } = await startPair(t);
      b.on('node_request', fail);
      await assert.rejects(connection.request('question'), (error: Error) => {
        assert.ok(withCode('ERR_HANDLER', /failed to answer/)(error));
        return !error.message.includes('secret');
      });
      const { data } = await b.event('node_error');
      assert.equal((data as { event: string }).event, 'node_request');
    });
  }

  test('answered with what no message can hold fails, and node_error tells the one who answered', async (t) => {
    const { b, connection } = await startPair(t);
    b.on('node_request', () => new Map([['not', 'data']]));
    await assert.rejects(connection.request('question'), withCode('ERR_HANDLER'));
    const { data } = await b.event('node_error');
    const { error, event } = data as { error: Error; event: string };
    assert.equal(event, 'node_request');
    assert.match(error.message, /an instance of Map/);
  });

  test('that the peer leaves unanswered ends with the connection', async (t) => {
    const { b, connection } = await startPair(t);
    b.on('node_request', () => new Promise(() => {}));
    const asking = connection.request('question', { timeoutMs: Number.POSITIVE_INFINITY });
    await b.event('node_request');
    await Promise.all([
      assert.rejects(asking, withCode('ERR_CONNECTION_CLOSED', /the node stopped/)),
      b.stop(),
    ]);
  });
});

suite('deliver', () => {
  test('resolves after the handlers of the other side, asynchronous ones too', async (t) => {
    const { b, connection } = await startPair(t);
    const steps: string[] = [];
    b.on('node_message', async () => {
      await turns(3);
      steps.push('handled');
    });
    await connection.deliver('hello').then(() => steps.push('delivered'));
    assert.deepEqual(steps, ['handled', 'delivered']);
  });

  test('keeps its place among messages', async (t) => {
    const { b, connection } = await startPair(t);
    connection.send(1);
    const delivered = connection.deliver(2);
    connection.send(3);
    await delivered;
    await b.message(3);
    assert.deepEqual(b.messages, [1, 2, 3]);
  });
});

suite('the wait', () => {
  const questions = {
    request: (connection: NodeConnection, options?: object) => connection.request('?', options),
    deliver: (connection: NodeConnection, options?: object) => connection.deliver('?', options),
  };
  for (const [name, ask] of Object.entries(questions)) {
    test(`of ${name} ends after 30 seconds, or the time that was asked for; a late answer is passed over`, async (t) => {
      const { b, connection, runtime } = await startVirtualPair(t);
      const gate = Promise.withResolvers<string>();
      b.on('node_request', () => gate.promise);
      b.on('node_message', () => gate.promise);
      const waits = [ask(connection), ask(connection, { timeoutMs: 1_500 })];
      const ended: string[] = [];
      for (const [index, wait] of waits.entries()) {
        wait.catch((error) => ended.push(`${index} at ${runtime.now()}: ${error.code}`));
      }
      await runtime.advance(1_499);
      assert.deepEqual(ended, []);
      await runtime.advance(30_000);
      assert.deepEqual(ended, ['1 at 1500: ERR_TIMEOUT', '0 at 30000: ERR_TIMEOUT']);
      gate.resolve('too late');
      await runtime.advance(1_000);
      assert.equal(connection.isOpen, true);
    });

    test(`of ${name} can be aborted, before and during`, async (t) => {
      const { b, connection } = await startPair(t);
      b.on('node_request', () => new Promise(() => {}));
      b.on('node_message', () => new Promise(() => {}));
      const reason = new Error('no longer needed');
      const aborted = (error: Error): boolean => {
        assert.ok(withCode('ERR_ABORTED')(error));
        return error.cause === reason;
      };
      await assert.rejects(ask(connection, { signal: AbortSignal.abort(reason) }), aborted);
      await connection.ping();
      assert.equal(b.messageCountRecv, 0, 'what was aborted before is not sent');
      const controller = new AbortController();
      const asking = ask(connection, { signal: controller.signal });
      await b.event(name === 'request' ? 'node_request' : 'node_message');
      controller.abort(reason);
      await assert.rejects(asking, aborted);
      assert.equal(b.messageCountRecv, 1);
    });

    test(`of ${name} must be a time`, async (t) => {
      const { connection } = await startPair(t);
      await assert.rejects(ask(connection, { timeoutMs: 0 }), RangeError);
      await assert.rejects(ask(connection, { timeoutMs: -1 }), RangeError);
      await assert.rejects(ask(connection, { timeoutMs: Number.NaN }), RangeError);
      await assert.rejects(ask(connection, { timeoutMs: '1' }), TypeError);
    });
  }

  test('of each of them has options that are known', async (t) => {
    const { connection } = await startPair(t);
    const waits = {
      ...questions,
      ping: (connection: NodeConnection, options?: object) => connection.ping(options),
      openStream: (connection: NodeConnection, options?: object) => connection.openStream(null, options),
    };
    for (const ask of Object.values(waits)) {
      for (const [options, message] of [
        [{ timeout: 5 }, /timeout is not an option.* The options are timeoutMs, signal/],
        [5_000, /options must be an object, not 5000/],
        [null, /options must be an object, not null/],
        [
          { signal: new AbortController() },
          /signal must be an AbortSignal, not an instance of AbortController/,
        ],
      ] as const) {
        await assert.rejects(
          ask(connection, options as object),
          (error) => error instanceof TypeError && message.test(error.message),
        );
      }
    }
    assert.equal(connection.isOpen, true);
  });

  test('of ping ends in time, can be aborted, and ends with the connection', async (t) => {
    const { nodes, runtime, engine } = await startVirtualNodes(t, 2);
    const [a, b] = nodes;
    const answering = await runtime.settle(a.connectWithNode(b.host, b.port));
    assert.equal(await runtime.settle(answering.ping()), 0);
    await assert.rejects(answering.ping({ signal: AbortSignal.abort() }), withCode('ERR_ABORTED'));
    const silent = await runtime.settle(HandMadePeer.dial(t, a, { engine, runtime }));
    await runtime.advance(0);
    const connection = a.allNodes.find(({ id }) => id === silent.id)!;
    const lost = assert.rejects(connection.ping(), withCode('ERR_TIMEOUT', /30000 ms/));
    const short = assert.rejects(connection.ping({ timeoutMs: 10 }), withCode('ERR_TIMEOUT', /10 ms/));
    await runtime.advance(30_000);
    await Promise.all([lost, short]);
    const closed = assert.rejects(connection.ping(), withCode('ERR_CONNECTION_CLOSED'));
    await runtime.settle(connection.stop());
    await closed;
  });
});
