import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Dispatcher } from '../../../src/api/dispatcher.ts';
import {
  methodOf,
  type NodeCallback,
  type NodeEventName,
  type NodeEvents,
  nodeEventNames,
} from '../../../src/api/events.ts';
import { NodeHandlers } from '../../../src/api/node-handlers.ts';
import {
  type Data,
  type KnownNode,
  Node,
  type NodeConnection,
  PeerloomError,
  type PeerStream,
} from '../../../src/index.ts';

const peer = { id: 'peer' } as NodeConnection;

/** A dispatcher for an object with some of a node's methods. */
function dispatcherFor(
  methods: Partial<Record<string, (...args: never[]) => unknown>>,
  callback?: NodeCallback,
) {
  const node = Object.assign(Object.create(NodeHandlers.prototype), methods) as Node;
  return new Dispatcher(node, callback);
}

const stream = {} as PeerStream;
const known: KnownNode = {
  id: 'known',
  addresses: ['b:1'],
  source: 'mdns',
  isConnected: false,
  isProven: false,
  lastConnectedAt: undefined,
};
const timeout = new PeerloomError('ERR_TIMEOUT', 'too late');
const lost = { count: 1, data: ['lost'] };
const returned = { code: 'ERR_TIMEOUT', count: 0, data: [] } as const;
const offer = { bytes: 0, tensors: 0, sha256: '', info: null, resumedAt: 0 };
const slow = { event: 'node_message', runsMs: 1, waiting: 0, waitingBytes: 0, deliveries: 0 } as const;

/** Arguments of each event. */
const samples: { readonly [Name in NodeEventName]: NodeEvents[Name] } = {
  outbound_node_connected: [peer],
  inbound_node_connected: [peer],
  outbound_node_disconnected: [peer],
  inbound_node_disconnected: [peer],
  node_message: [peer, 'data', 'text'],
  node_disconnect_with_outbound_node: [peer],
  node_request_to_stop: [],
  node_request: [peer, 'data'],
  node_broadcast: [
    'origin',
    'data',
    { topic: '', id: 'id', sentAt: 0, via: peer, hops: 1, isHistory: false },
  ],
  node_discovered: [known],
  node_joined: ['far'],
  node_left: ['far', 'silent'],
  node_stream: [peer, stream, 'header'],
  node_state_offered: [peer, offer],
  node_state: [peer, {}, offer],
  node_reconnection_error: ['b:1', 2, timeout],
  node_session_lost: [peer, lost],
  node_message_rejected: [peer, timeout],
  node_message_returned: [peer, returned],
  node_handler_slow: [peer, slow],
  connection_error: ['b:1', timeout, 'inbound'],
  node_error: [timeout, 'node_message', peer],
};

/** What the callback receives of them. */
const callbackArguments: Readonly<
  Record<NodeEventName, { peer?: NodeConnection; data?: unknown; text?: string }>
> = {
  outbound_node_connected: { peer },
  inbound_node_connected: { peer },
  outbound_node_disconnected: { peer },
  inbound_node_disconnected: { peer },
  node_message: { peer, data: 'data', text: 'text' },
  node_disconnect_with_outbound_node: { peer },
  node_request_to_stop: {},
  node_request: { peer, data: 'data' },
  node_broadcast: { peer, data: 'data' },
  node_discovered: { data: known },
  node_joined: { data: 'far' },
  node_left: { data: { id: 'far', reason: 'silent' } },
  node_stream: { peer, data: stream },
  node_state_offered: { peer, data: offer },
  node_state: { peer, data: {} },
  node_reconnection_error: { data: { address: 'b:1', trials: 2, error: timeout } },
  node_session_lost: { peer, data: lost },
  node_message_rejected: { peer, data: timeout },
  node_message_returned: { peer, data: returned },
  node_handler_slow: { peer, data: slow },
  connection_error: { data: { address: 'b:1', error: timeout, direction: 'inbound' } },
  node_error: { peer, data: { error: timeout, event: 'node_message' } },
};

test('the callback receives the peer and the data of every event', () => {
  for (const event of nodeEventNames) {
    const calls: unknown[][] = [];
    const callback: NodeCallback = (...[name, , ...args]) => void calls.push([name, ...args]);
    dispatcherFor({}, callback).emit(event, ...(samples[event] as never));
    const { peer: expectedPeer, data, text } = callbackArguments[event];
    const expected = [event, expectedPeer, data, ...(text === undefined ? [] : [text])];
    assert.deepEqual(calls, [expected]);
  }
});

test('every event has a method of a node, named like it', () => {
  for (const event of nodeEventNames) {
    const method = methodOf(event);
    assert.equal(
      method,
      event.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    );
    assert.equal(typeof Node.prototype[method], 'function');
  }
});

suite('emit', () => {
  test('runs method, callback and listeners at once, in this order', () => {
    const calls: unknown[][] = [];
    const note =
      (who: string) =>
      (...args: unknown[]): void =>
        void calls.push([who, ...args]);
    const dispatcher = dispatcherFor({ nodeMessage: note('method') }, note('callback') as NodeCallback);
    dispatcher.on('node_message', note('one') as never);
    dispatcher.on('node_message', note('two') as never);
    const handled = dispatcher.emit('node_message', peer, 'hello');
    assert.equal(handled, true);
    assert.deepEqual(
      calls.map(([who]) => who),
      ['method', 'callback', 'one', 'two'],
    );
    assert.deepEqual(calls[0]!.slice(1), [peer, 'hello']);
    assert.deepEqual([calls[1]![1], ...calls[1]!.slice(3)], ['node_message', peer, 'hello']);
    assert.deepEqual(calls[2]!.slice(1), [peer, 'hello']);
  });

  test('says whether all went well, at once where nothing is asynchronous', async (t) => {
    t.mock.method(console, 'error', () => {});
    const fail = (): never => {
      throw new Error('a mistake');
    };
    const outcomes: [unknown, (...args: never[]) => unknown][] = [
      [true, () => {}],
      [true, () => false],
      [false, fail],
      [Promise.resolve(true), async () => {}],
      [Promise.resolve(false), async () => fail()],
    ];
    for (const [expected, handler] of outcomes) {
      const byMethod = dispatcherFor({ nodeMessage: handler }).emit('node_message', peer, 'data');
      const dispatcher = dispatcherFor({});
      dispatcher.on('node_message', handler);
      const byListener = dispatcher.emit('node_message', peer, 'data');
      const byMessage = dispatcher.emitMessage(peer, 'data');
      for (const handled of [byMethod, byListener, byMessage]) {
        assert.equal(handled instanceof Promise, expected instanceof Promise);
        assert.equal(await handled, await expected);
      }
    }
  });

  test('is not well when one of several is not', async (t) => {
    t.mock.method(console, 'error', () => {});
    const dispatcher = dispatcherFor({ nodeMessage: async () => {} });
    dispatcher.on('node_message', () => Promise.reject(new Error('a mistake')));
    dispatcher.on('node_message', async () => {});
    assert.equal(await dispatcher.emitMessage(peer, 'data'), false);
  });

  test('takes what has a then for a promise, and nothing else', async () => {
    // biome-ignore lint/suspicious/noThenProperty: this is what the test is about
    const thenable = { then: (resolve: (value: unknown) => void) => void setImmediate(resolve) };
    const handled = dispatcherFor({ nodeMessage: () => thenable }).emitMessage(peer, 'data');
    assert.ok(handled instanceof Promise);
    assert.equal(await handled, true);
    // biome-ignore lint/suspicious/noThenProperty: this is what the test is about
    for (const value of [{ then: 5 }, null, 'then', () => {}]) {
      assert.equal(dispatcherFor({ nodeMessage: () => value }).emitMessage(peer, 'data'), true);
    }
  });

  test('runs the listeners that were there when it began', () => {
    const dispatcher = dispatcherFor({});
    const calls: string[] = [];
    const second = (): void => void calls.push('second');
    dispatcher.on('node_message', () => {
      calls.push('first');
      dispatcher.off('node_message', second);
      dispatcher.on('node_message', () => void calls.push('third'));
    });
    dispatcher.on('node_message', second);
    dispatcher.emitMessage(peer, 'data');
    assert.deepEqual(calls, ['first', 'second']);
    dispatcher.emitMessage(peer, 'data');
    assert.deepEqual(calls, ['first', 'second', 'first', 'third']);
  });

  test('calls a listener of once for one event, also where an event comes out of another one', () => {
    const dispatcher = dispatcherFor({});
    const calls: unknown[] = [];
    let depth = 0;
    dispatcher.on('node_message', () => {
      depth += 1;
      if (depth === 1) dispatcher.emitMessage(peer, 'inner');
    });
    dispatcher.on('node_message', (...[, data]: unknown[]) => void calls.push(data), true);
    dispatcher.emitMessage(peer, 'outer');
    dispatcher.emitMessage(peer, 'later');
    assert.deepEqual(calls, ['inner']);
    assert.equal(dispatcherFor({}).handles('node_message'), false);
  });

  test('takes back what once added, by the function that it was given', () => {
    const dispatcher = dispatcherFor({});
    const calls: string[] = [];
    const listener = (): void => void calls.push('called');
    dispatcher.on('node_message', listener, true);
    dispatcher.off('node_message', listener);
    assert.equal(dispatcher.handles('node_message'), false);
    dispatcher.on('node_message', () => dispatcher.off('node_message', listener));
    dispatcher.on('node_message', listener, true);
    dispatcher.emitMessage(peer, 'data');
    assert.deepEqual(calls, [], 'also while the event is dispatched');
  });

  test('calls a listener as often as it was added, and takes back one at a time', () => {
    const dispatcher = dispatcherFor({});
    const calls: string[] = [];
    const twice = (): void => void calls.push('twice');
    dispatcher.on('node_message', twice);
    dispatcher.on('node_message', () => void calls.push('between'));
    dispatcher.on('node_message', twice);
    dispatcher.emitMessage(peer, 'data');
    dispatcher.off('node_message', twice);
    dispatcher.emitMessage(peer, 'data');
    assert.deepEqual(calls, ['twice', 'between', 'twice', 'twice', 'between']);
    for (let index = 0; index < 2; index++) dispatcher.on('node_request', twice, true);
    for (let index = 0; index < 3; index++) dispatcher.emit('node_request', peer, 'data');
    assert.equal(calls.length, 7, 'once twice is two events');
  });

  test('100,000 listeners come and go in a moment: none costs more because of the others', () => {
    const dispatcher = dispatcherFor({});
    const listeners = Array.from({ length: 100_000 }, () => () => {});
    const startedAt = performance.now();
    for (const listener of listeners) dispatcher.on('node_message', listener);
    for (const listener of listeners) dispatcher.off('node_message', listener);
    const seconds = (performance.now() - startedAt) / 1_000;
    // A tenth of a second on an idle machine; more than a minute where each of them copies a list of the others.
    assert.ok(seconds < 10, `${seconds} s`);
    assert.equal(dispatcher.handles('node_message'), false);
  });

  test('a listener of once responds and is consulted once', async () => {
    const dispatcher = dispatcherFor({});
    dispatcher.on('node_request', () => 'first', true);
    dispatcher.on('node_request', () => 'second', true);
    const responses: unknown[] = [];
    for (let index = 0; index < 3; index++) responses.push(await dispatcher.respond(peer, 'data'));
    assert.deepEqual(responses, ['first', 'second', undefined]);
    dispatcher.on('node_reconnection_error', () => false, true);
    assert.equal(await dispatcher.consult('node_reconnection_error', 'b:1', 1, 'no'), false);
    assert.equal(await dispatcher.consult('node_reconnection_error', 'b:1', 1, 'no'), true);
  });

  test('takes back a listener that was never there', () => {
    dispatcherFor({}).off('node_message', () => {});
  });
});

suite('a failure', () => {
  const failure = new Error('a mistake');
  const fail = (): never => {
    throw failure;
  };

  test('is told by node_error to whoever handles that', () => {
    const told: unknown[][] = [];
    const note = (...args: unknown[]): void => void told.push(args);
    const byMethod = dispatcherFor({ nodeMessage: fail, nodeError: note });
    byMethod.emitMessage(peer, 'data');
    const byListener = dispatcherFor({ nodeMessage: fail });
    byListener.on('node_error', note as never);
    byListener.emitMessage(peer, 'data');
    assert.deepEqual(told, Array(2).fill([failure, 'node_message', peer]));
    const events: [NodeEventName, unknown][] = [];
    const byCallback = dispatcherFor({ nodeMessage: fail }, (event, _node, _peer, data) => {
      events.push([event, data]);
    });
    byCallback.emitMessage(peer, 'data');
    assert.deepEqual(events, [
      ['node_error', { error: failure, event: 'node_message' }],
      ['node_message', 'data'],
    ]);
  });

  test('is told of every event, whatever it is, but for a node_stream whose stream was given up or lost', () => {
    const codes = ['ERR_STREAM_ABORTED', 'ERR_CONNECTION_CLOSED', 'ERR_TIMEOUT'] as const;
    for (const code of codes) {
      const error = new PeerloomError(code, 'no');
      for (const event of nodeEventNames) {
        if (event === 'node_error') continue;
        const told: unknown[] = [];
        const dispatcher = dispatcherFor({ nodeError: (...args: unknown[]) => void told.push(args) });
        dispatcher.on(event, () => {
          throw error;
        });
        const args = samples[event] as never;
        dispatcher.emit(event, ...args);
        const { peer: reported } = callbackArguments[event];
        const isNoFault = event === 'node_stream' && code !== 'ERR_TIMEOUT';
        assert.deepEqual(told, isNoFault ? [] : [[error, event, reported]], `${code} of ${event}`);
      }
    }
  });

  test('is printed where nobody handles it, and so is one of node_error itself', (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    dispatcherFor({ nodeMessage: fail }).emitMessage(peer, 'data');
    dispatcherFor({ nodeMessage: () => {}, nodeError: fail }).emit(
      'node_error',
      'something',
      'node_message',
      peer,
    );
    assert.deepEqual(
      printed.mock.calls.map((call) => call.arguments),
      [
        ['A handler of node_message failed; the node keeps running:', failure],
        ['A handler of node_error failed; the node keeps running:', failure],
      ],
    );
  });
});

suite('respond', () => {
  const respond = (dispatcher: Dispatcher) => dispatcher.respond(peer, 'q');

  test('takes the first response, and calls no further handler', async () => {
    const callback = (() => 'callback') as unknown as NodeCallback;
    assert.equal(await respond(dispatcherFor({ nodeRequest: () => 'method' }, callback)), 'method');
    assert.equal(await respond(dispatcherFor({ nodeRequest: async () => undefined }, callback)), 'callback');
    const dispatcher = dispatcherFor({});
    dispatcher.on('node_request', () => undefined);
    dispatcher.on('node_request', async () => null);
    dispatcher.on('node_request', () => assert.fail('called although there is a response'));
    assert.equal(await respond(dispatcher), null);
    assert.equal(await respond(dispatcherFor({})), undefined);
  });

  test('ends with the first that fails, which node_error tells once', async () => {
    for (const handler of [
      (): Data => {
        throw new Error('a mistake');
      },
      () => Promise.reject(new Error('a mistake')),
    ]) {
      const told: unknown[] = [];
      const dispatcher = dispatcherFor({
        nodeRequest: handler,
        nodeError: (error: unknown) => told.push(error),
      });
      await assert.rejects(async () => respond(dispatcher), /a mistake/);
      assert.equal(told.length, 1);
    }
  });
});

suite('consult', () => {
  const consult = (dispatcher: Dispatcher) => dispatcher.consult('node_reconnection_error', 'b:1', 1, 'no');

  test('asks everybody, and one false is a no', async () => {
    const asked: string[] = [];
    const callback = (() => void asked.push('callback')) as NodeCallback;
    const dispatcher = dispatcherFor(
      {
        nodeReconnectionError: () => {
          asked.push('method');
          return true;
        },
      },
      callback,
    );
    dispatcher.on('node_reconnection_error', () => void asked.push('listener'));
    assert.equal(await consult(dispatcher), true);
    assert.deepEqual(asked, ['method', 'callback', 'listener']);
    dispatcher.on('node_reconnection_error', async () => false);
    assert.equal(await consult(dispatcher), false);
  });

  test('takes nothing but false for a no, and a failure for none', async () => {
    const told: unknown[] = [];
    for (const answer of [undefined, null, 0, '']) {
      assert.equal(await consult(dispatcherFor({ nodeReconnectionError: () => answer })), true);
    }
    const dispatcher = dispatcherFor({
      nodeReconnectionError: () => Promise.reject(new Error('a mistake')),
      nodeError: (error: unknown) => told.push(error),
    });
    assert.equal(await consult(dispatcher), true);
    assert.equal(told.length, 1);
  });
});
