import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Node, type NodeConnection, type NodeEventName, tcp } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, makeNode, startNodes, startPair } from '../support/start-nodes.ts';

/** Notes each of its overridden methods. */
class OverridingNode extends RecordingNode {
  readonly calls: string[] = [];
  override inboundNodeConnected(): void {
    this.calls.push('method inbound_node_connected');
  }
  override inboundNodeDisconnected(): void {
    this.calls.push('method inbound_node_disconnected');
  }
  override nodeMessage(_peer: NodeConnection, data: Data): void {
    this.calls.push(`method node_message ${data}`);
  }
  override nodeRequestToStop(): void {
    this.calls.push('method node_request_to_stop');
  }
}

class FailingNode extends RecordingNode {
  readonly failure = new Error('a mistake in the handler');
  isAsync = false;

  fail(): unknown {
    if (this.isAsync) return Promise.reject(this.failure);
    throw this.failure;
  }
  override nodeMessage(): unknown {
    return this.fail();
  }
}

suite('the three ways to program', () => {
  test('the overridden method comes first, then the callback, then the listeners in their order', async (t) => {
    const calls: string[] = [];
    const options = {
      callback: (event: NodeEventName, _node: Node, _peer: NodeConnection | undefined, data: unknown) =>
        void calls.push(`callback ${event}${data === undefined ? '' : ` ${data}`}`),
    };
    const [b] = await startNodes(t, 1, { kind: OverridingNode, options });
    const [a] = await startNodes(t, 1);
    Object.assign(b, { calls });
    for (const event of [
      'inbound_node_connected',
      'inbound_node_disconnected',
      'node_request_to_stop',
    ] as const) {
      b.on(event, () => void calls.push(`listener ${event}`));
    }
    b.on('node_message', (_peer, data) => void calls.push(`first listener node_message ${data}`));
    b.on('node_message', (_peer, data) => void calls.push(`second listener node_message ${data}`));
    const connection = await connect(a, b);
    connection.send('hello');
    await connection.stop();
    await b.event('inbound_node_disconnected');
    await b.stop();
    assert.deepEqual(calls, [
      'method inbound_node_connected',
      'callback inbound_node_connected',
      'listener inbound_node_connected',
      'method node_message hello',
      'callback node_message hello',
      'first listener node_message hello',
      'second listener node_message hello',
      'method inbound_node_disconnected',
      'callback inbound_node_disconnected',
      'listener inbound_node_disconnected',
      'method node_request_to_stop',
      'callback node_request_to_stop',
      'listener node_request_to_stop',
    ]);
  });

  test('each style is given the peer and the data of the event', async (t) => {
    const given: unknown[][] = [];
    class GivenNode extends RecordingNode {
      override nodeMessage(...args: unknown[]): void {
        given.push(['method', ...args]);
      }
    }
    const callback = (...args: unknown[]): void => {
      if (args[0] === 'node_message') given.push(['callback', ...args]);
    };
    const [b] = await startNodes(t, 1, { kind: GivenNode, options: { callback } });
    const [a] = await startNodes(t, 1);
    b.on('node_message', (...args) => void given.push(['listener', ...args]));
    const connection = await connect(a, b);
    await connection.deliver({ round: 1 });
    const peer = b.peer(a);
    const data = { round: 1 };
    assert.deepEqual(given, [
      ['method', peer, data],
      ['callback', 'node_message', b, peer, data],
      ['listener', peer, data],
    ]);
  });

  test('a listener can be taken back, or meant for one event only', async (t) => {
    const { b, connection } = await startPair(t);
    const seen: unknown[] = [];
    const listener = (_peer: NodeConnection, data: Data): void => void seen.push(data);
    b.on('node_message', listener).once('node_message', (_peer, data) => void seen.push(`once ${data}`));
    await connection.deliver(1);
    await connection.deliver(2);
    b.off('node_message', listener);
    await connection.deliver(3);
    assert.deepEqual(seen, [1, 'once 1', 2]);
  });

  test('a listener for an event that there is not, or that is no function, is refused at once', (t) => {
    const node = makeNode(t);
    for (const [event, text] of [
      [
        'node_mesage',
        "'node_mesage' is not an event; did you mean 'node_message'\\? The events are [a-z_, ]+$",
      ],
      ['xyzzy', "'xyzzy' is not an event\\. The events are [a-z_, ]+$"],
      ['toString', "'toString' is not an event\\. The events are [a-z_, ]+$"],
      [5, '5 is not an event\\. The events are [a-z_, ]+$'],
    ] as const) {
      assert.throws(() => node.on(event as 'node_message', () => {}), {
        name: 'TypeError',
        message: new RegExp(`^${text}`),
      });
    }
    assert.throws(() => node.on('node_message', 'text' as never), /listener must be a function, not 'text'/);
  });
});

suite('a handler that fails', () => {
  for (const isAsync of [false, true]) {
    const verb = isAsync ? 'rejects' : 'throws';
    test(`in its method: it ${verb}, node_error tells, and nothing else is harmed`, async (t) => {
      const { a, b, connection } = await startPair(t, { kind: FailingNode });
      b.isAsync = isAsync;
      const heard: Data[] = [];
      b.on('node_message', (_peer, data) => void heard.push(data));
      await assert.rejects(connection.deliver('first'), withCode('ERR_HANDLER'));
      connection.send('second');
      const { peer, data } = await b.event('node_error', 2);
      assert.equal(peer, b.peer(a));
      assert.deepEqual(data, { error: b.failure, event: 'node_message' });
      assert.deepEqual(
        [b.messages, heard],
        [
          ['first', 'second'],
          ['first', 'second'],
        ],
      );
      assert.equal(connection.isOpen, true);
    });

    test(`in the callback: it ${verb}, and the listeners still run`, async (t) => {
      const failure = new Error('a mistake');
      const errors: unknown[] = [];
      const callback = (event: NodeEventName, _node: Node, _peer: unknown, data: unknown): unknown => {
        if (event === 'node_error') errors.push(data);
        if (event !== 'node_message') return undefined;
        if (!isAsync) throw failure;
        return Promise.reject(failure);
      };
      const node = new Node('127.0.0.1', 0, { callback, transports: [tcp()] });
      const [a] = await startNodes(t, 1);
      Fixture.of(t).defer(() => node.stop());
      await node.start();
      const heard: Data[] = [];
      node.on('node_message', (_peer, data) => void heard.push(data));
      const connection = await a.connectWithNode('127.0.0.1', node.port);
      await assert.rejects(connection.deliver('hello'), withCode('ERR_HANDLER'));
      assert.deepEqual(heard, ['hello']);
      assert.deepEqual(errors, [{ error: failure, event: 'node_message' }]);
    });

    test(`in a listener: it ${verb}, and the other listeners still run`, async (t) => {
      const { b, connection } = await startPair(t);
      const failure = new Error('a mistake');
      b.on('node_message', () => {
        if (isAsync) return Promise.reject(failure);
        throw failure;
      });
      const heard: Data[] = [];
      b.on('node_message', (_peer, data) => void heard.push(data));
      const told: unknown[][] = [];
      b.on('node_error', (...args) => void told.push(args));
      await assert.rejects(connection.deliver('hello'), withCode('ERR_HANDLER'));
      assert.deepEqual(heard, ['hello']);
      const [peer] = b.allNodes;
      assert.deepEqual(told, [[failure, 'node_message', peer]]);
    });
  }

  test('is printed when nobody handles node_error', async (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    const failure = new Error('a mistake that somebody should see');
    class PlainNode extends Node {
      override nodeMessage(): void {
        throw failure;
      }
    }
    const node = new PlainNode('127.0.0.1', 0);
    const [a] = await startNodes(t, 1);
    Fixture.of(t).defer(() => node.stop());
    await node.start();
    const connection = await a.connectWithNode('127.0.0.1', node.port);
    await assert.rejects(connection.deliver('hello'), withCode('ERR_HANDLER'));
    assert.deepEqual(
      printed.mock.calls.map((call) => call.arguments),
      [['A handler of node_message failed; the node keeps running:', failure]],
    );
    node.on('node_error', () => {});
    await assert.rejects(connection.deliver('hello'), withCode('ERR_HANDLER'));
    assert.equal(printed.mock.callCount(), 1, 'a listener takes care of it now');
  });

  test('of node_error is printed, and does not come round again', async (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    const { b, connection } = await startPair(t, { kind: FailingNode });
    const worse = new Error('a mistake in the handler of mistakes');
    b.on('node_error', async () => {
      throw worse;
    });
    await assert.rejects(connection.deliver('hello'), withCode('ERR_HANDLER'));
    assert.deepEqual(
      printed.mock.calls.map((call) => call.arguments),
      [['A handler of node_error failed; the node keeps running:', worse]],
    );
    assert.equal(b.of('node_error').length, 1);
  });

  test('of any event leaves connections and the end of the node in order', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const events = [
      'outbound_node_connected',
      'inbound_node_connected',
      'outbound_node_disconnected',
      'inbound_node_disconnected',
      'node_disconnect_with_outbound_node',
      'node_request_to_stop',
    ] as const;
    for (const node of [a, b]) {
      for (const event of events) {
        node.on(event, () => {
          throw new Error(`a mistake in ${event}`);
        });
      }
    }
    const connection = await connect(a, b);
    await connection.deliver('hello');
    await a.stop();
    await b.event('inbound_node_disconnected');
    await b.stop();
    const failed = (node: RecordingNode): unknown[] =>
      node.of('node_error').map(({ data }) => (data as { event: string }).event);
    assert.deepEqual(failed(a), [
      'outbound_node_connected',
      'node_request_to_stop',
      'node_disconnect_with_outbound_node',
      'outbound_node_disconnected',
    ]);
    assert.deepEqual(failed(b), [
      'inbound_node_connected',
      'inbound_node_disconnected',
      'node_request_to_stop',
    ]);
  });
});
