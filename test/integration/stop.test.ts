import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryHub, memory, type NodeConnection } from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { holdingTransport } from '../support/holding-transport.ts';
import { openLine } from '../support/links.ts';
import { connect, makeNode, startNodes, startPair, startVirtualNodes } from '../support/start-nodes.ts';
import { turn, turns, until, within } from '../support/turns.ts';

const mebibyte = 1024 * 1024;
const notStarted = withCode('ERR_NOT_STARTED');

suite('stop', () => {
  test('tells first, while everybody is still there; then leaves', async (t) => {
    const [a, b, c] = await startNodes(t, 3);
    await connect(a, b);
    await connect(c, a);
    a.on('node_request_to_stop', async () => {
      assert.equal(a.allNodes.length, 2);
      a.sendToNodes('I am about to stop');
      await Promise.all(a.allNodes.map((peer) => peer.deliver('handled before I go')));
    });
    a.on('node_disconnect_with_outbound_node', (peer) => void peer.send('last words'));
    await a.stop();
    await Promise.all([b.event('inbound_node_disconnected'), c.event('outbound_node_disconnected')]);
    const [stopping, leaving, ...ends] = a.names.slice(2);
    assert.deepEqual([stopping, leaving], ['node_request_to_stop', 'node_disconnect_with_outbound_node']);
    assert.deepEqual(ends.sort(), ['inbound_node_disconnected', 'outbound_node_disconnected']);
    const toBoth = ['I am about to stop', 'handled before I go'];
    assert.deepEqual([b.messages, c.messages], [[...toBoth, 'last words'], toBoth]);
  });

  for (const engine of engines.slice(0, 2)) {
    test(`sends what is queued first: 20 MiB over ${engine.name}`, async (t) => {
      const { a, b, connection } = await startPair(t, { engine });
      const count = 20;
      for (let index = 0; index < count; index++) connection.send(new Uint8Array(mebibyte).fill(index));
      connection.send('the end');
      await a.stop();
      await b.event('inbound_node_disconnected');
      assert.equal(b.messages.length, count + 1);
      for (const [index, data] of b.messages.slice(0, count).entries()) {
        assert.ok(Buffer.from(data as Uint8Array).equals(Buffer.alloc(mebibyte, index)));
      }
      assert.equal(b.messages[count], 'the end');
    });
  }

  test('can be called again and again, and is final', async (t) => {
    const { a, b } = await startPair(t);
    const stopped = a.stop();
    assert.equal(a.stop(), stopped);
    await stopped;
    assert.equal(a.stop(), stopped);
    await assert.rejects(a.start(), notStarted);
    await assert.rejects(a.connectWithNode(b.host, b.port), notStarted);
    assert.deepEqual(a.sendToNodes('hello?'), { sent: 0, congested: [], failed: [] });
    assert.equal(a.of('node_request_to_stop').length, 1);
  });

  test('of a node that was never started does nothing, and is final as well', async (t) => {
    const node = makeNode(t);
    await assert.rejects(node.connectWithNode('127.0.0.1', 1), notStarted);
    await node.stop();
    await assert.rejects(node.start(), notStarted);
    assert.deepEqual(node.of('node_request_to_stop'), []);
  });

  test('waits for a start under way', async (t) => {
    const node = makeNode(t);
    const started = node.start();
    assert.equal(node.start(), started, 'starting again is the same start');
    const stopped = node.stop();
    await started;
    assert.notEqual(node.port, 0);
    await stopped;
    assert.deepEqual(node.names, ['node_request_to_stop']);
  });

  test('of a node that could not start is no error', async (t) => {
    const [first] = await startNodes(t, 1);
    const second = makeNode(t, { port: first.port });
    await assert.rejects(second.start(), withCode('ERR_ADDRESS_IN_USE', /choose another port/));
    await second.stop();
  });

  test('frees the port at once', async (t) => {
    const { a, b } = await startPair(t);
    await b.stop();
    const again = makeNode(t, { port: b.port });
    await again.start();
    await (await a.connectWithNode(again.host, again.port)).deliver('hello');
  });

  test('ends dials under way', async (t) => {
    const transport = holdingTransport(memory({ hub: new MemoryHub() }));
    transport.isHolding = true;
    const [node] = await startNodes(t, 1, { options: { transports: [transport] } });
    const dials = [node.connectWithNode('nowhere', 1), node.connectWithNode('nowhere', 2)];
    await until(() => transport.held === 2, 'both dial');
    const refusals = dials.map((dial) => assert.rejects(dial, notStarted));
    await within(node.stop(), 'the node stops');
    await Promise.all(refusals);
    assert.equal(transport.held, 0);
  });

  test('ends dials that wait for the other side, and connections that say nothing', async (t) => {
    for (const engine of engines) {
      const [a, b] = await startNodes(t, 2, {
        engine,
        options: (index) => (index === 1 ? { authorize: () => new Promise<boolean>(() => {}) } : {}),
      });
      const dial = assert.rejects(a.connectWithNode(b.host, b.port), notStarted);
      // A link whose other side never says hello.
      const line = await openLine(t, engine);
      const address = { scheme: undefined, host: a.host, port: a.port };
      const silent = await line.dialler.transport.dial(address, new AbortController().signal);
      silent.onMessage = () => {};
      await turns();
      await within(a.stop(), `the node stops (${engine.name})`, 3_000);
      await dial;
      await within(silent.closed, 'the silent link ends', 3_000);
      await within(b.stop(), `the other stops (${engine.name})`, 3_000);
    }
  });

  test('ends a trial to connect again, without a word of its failure', async (t) => {
    const { nodes, runtime, engine } = await startVirtualNodes(t, 1);
    const [b] = nodes;
    const transport = holdingTransport(engine.transport());
    const a = makeNode(t, { engine, options: { runtime, transports: [transport] } });
    await a.start();
    await runtime.settle(a.connectWithNode(b.host, b.port, { reconnect: true }));
    transport.isHolding = true;
    await runtime.settle(b.stop());
    await runtime.advance(2_000);
    assert.equal(transport.held, 1, 'the trial is under way');
    await runtime.settle(a.stop());
    assert.equal(transport.held, 0);
    assert.deepEqual(a.names, [
      'outbound_node_connected',
      'outbound_node_disconnected',
      'node_request_to_stop',
    ]);
  });

  test('inside a handler ends the node as well', async (t) => {
    const { a, b, connection } = await startPair(t);
    b.on('node_message', () => b.stop());
    connection.send('stop, please');
    await a.event('outbound_node_disconnected');
    await within(b.stop(), 'the node stops');
    assert.equal(connection.closeReason?.code, 'stopped');
  });

  /** How a handler calls what waits for it: at once, or behind an await. */
  const moments = {
    'at once': async (stop: () => Promise<void>) => stop(),
    'behind an await': async (stop: () => Promise<void>) => {
      await turn();
      await stop();
    },
    'behind what it sent': async (stop: () => Promise<void>, peer?: NodeConnection) => {
      await peer?.deliver('the last message');
      await stop();
    },
  };
  const waitedFor = ['node_request_to_stop', 'node_disconnect_with_outbound_node'] as const;

  for (const [when, call] of Object.entries(moments)) {
    for (const event of waitedFor) {
      test(`inside a handler that stop() waits for, ${when}, ends the node as well: ${event}`, async (t) => {
        const { a, b, connection } = await startPair(t);
        let calls = 0;
        let returned = 0;
        a.on(event, async (peer?: NodeConnection) => {
          calls += 1;
          await call(() => a.stop(), peer);
          assert.ok(connection.isOpen, 'the node waits for this handler before it stops');
          returned += 1;
        });
        await within(a.stop(), 'the node stops');
        assert.deepEqual([calls, returned], [1, 1]);
        assert.equal(a.of('outbound_node_disconnected').length, 1);
        assert.deepEqual(
          b.messages,
          when === 'behind what it sent' && event !== 'node_request_to_stop' ? ['the last message'] : [],
        );
      });

      test(`inside a handler that runs before a connection ends, ${when}: the first stop() comes from ${event}`, async (t) => {
        const { a, connection } = await startPair(t);
        a.on(event, async (peer?: NodeConnection) => {
          await call(() => a.stop(), peer);
          await connection.stop();
        });
        await within(connection.stop(), 'the connection ends');
        await within(a.stop(), 'the node stops');
        for (const waited of waitedFor) assert.equal(a.of(waited).length, 1);
      });
    }

    test(`of a connection inside the handler that runs before its end, ${when}, calls the handler once`, async (t) => {
      for (const end of ['connection', 'node'] as const) {
        const { a, connection } = await startPair(t);
        const calls: NodeConnection[] = [];
        a.on('node_disconnect_with_outbound_node', async (peer) => {
          calls.push(peer);
          await call(() => peer.stop(), peer);
          await call(() => a.disconnectWithNode(peer), peer);
        });
        await within(end === 'node' ? a.stop() : connection.stop(), `the ${end} stops`);
        assert.deepEqual(calls, [connection]);
        assert.equal(a.of('outbound_node_disconnected').length, 1);
      }
    });
  }

  test('of two connections, and of two nodes, whose handlers stop each other', async (t) => {
    const { a, b } = await startPair(t);
    const [c] = await startNodes(t, 1);
    await connect(a, c);
    a.on('node_disconnect_with_outbound_node', async () => {
      await turn();
      for (const peer of a.allNodes) await peer.stop();
    });
    a.on('node_request_to_stop', () => b.stop());
    b.on('node_request_to_stop', () => a.stop());
    await within(a.stop(), 'the node stops');
    await within(b.stop(), 'the other one stops');
    assert.equal(a.of('outbound_node_disconnected').length, 2);
  });

  test('called several times at once fires each event once, and each call waits for the end', async (t) => {
    const { a, connection } = await startPair(t);
    a.on('node_disconnect_with_outbound_node', () => turns());
    const isOver = (): boolean => a.of('outbound_node_disconnected').length === 1;
    const calls = [
      connection.stop(),
      connection.stop(),
      a.disconnectWithNode(connection),
      a.stop(),
      a.stop(),
    ];
    for (const over of await Promise.all(calls.map((call) => call.then(isOver)))) assert.ok(over);
    for (const event of waitedFor) assert.equal(a.of(event).length, 1);
  });

  test('started by a handler that has returned waits for the end', async (t) => {
    const { a } = await startPair(t);
    const stopped = Promise.withResolvers<number>();
    a.on('node_request_to_stop', () => {
      setImmediate(() => void a.stop().then(() => stopped.resolve(a.allNodes.length)));
    });
    await a.stop();
    assert.equal(await stopped.promise, 0);
  });

  test('of both sides at once gives each side its one event', async (t) => {
    for (const engine of engines) {
      const { a, b } = await startPair(t, { engine });
      await Promise.all([a.stop(), b.stop()]);
      assert.equal(a.of('outbound_node_disconnected').length, 1);
      assert.equal(b.of('inbound_node_disconnected').length, 1);
    }
  });

  test('comes by itself at the end of a scope', async (t) => {
    const { a, b } = await startPair(t);
    {
      await using node = b;
      assert.equal(node.allNodes.length, 1);
    }
    assert.equal(b.allNodes.length, 0);
    await a.event('outbound_node_disconnected');
  });
});
