import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, startNodes, startPair } from '../support/start-nodes.ts';

suite('an asynchronous handler', () => {
  test('of a message holds up the next message of that peer, and of no other', async (t) => {
    const [hub, b, c] = await startNodes(t, 3);
    const gate = Promise.withResolvers<void>();
    const steps: string[] = [];
    hub.on('node_message', async (peer, data) => {
      steps.push(`begin ${data}`);
      if (peer.id === b.id) await gate.promise;
      steps.push(`end ${data}`);
    });
    const [slow, quick] = [await connect(b, hub), await connect(c, hub)];
    slow.send('b1');
    slow.send('b2');
    await hub.message(1);
    await quick.deliver('c1');
    assert.deepEqual(steps, ['begin b1', 'begin c1', 'end c1']);
    gate.resolve();
    await slow.deliver('b3');
    assert.deepEqual(steps.slice(3), ['end b1', 'begin b2', 'end b2', 'begin b3', 'end b3']);
  });

  test('of a connect event holds up the first message, and not the caller of connectWithNode', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const gate = Promise.withResolvers<void>();
    b.on('inbound_node_connected', () => gate.promise);
    const connection = await connect(a, b);
    const delivered = connection.deliver('hello');
    await connection.ping();
    assert.deepEqual(b.messages, []);
    gate.resolve();
    await delivered;
    assert.deepEqual(b.messages, ['hello']);
  });

  test('of node_disconnect_with_outbound_node may still send', async (t) => {
    const [a, b] = await startNodes(t, 2);
    a.on('node_disconnect_with_outbound_node', async (peer) => {
      await peer.deliver('before I go');
      peer.send('goodbye');
    });
    const connection = await connect(a, b);
    await connection.stop();
    await b.event('inbound_node_disconnected');
    assert.deepEqual(b.messages, ['before I go', 'goodbye']);
  });

  test('still at work when the peer leaves is waited for; the disconnect event comes last', async (t) => {
    const { a, b, connection } = await startPair(t);
    const gate = Promise.withResolvers<void>();
    b.on('node_message', () => gate.promise);
    for (let index = 1; index <= 3; index++) connection.send(index);
    await b.message(1);
    await a.stop();
    assert.deepEqual(b.names, ['inbound_node_connected', 'node_message']);
    gate.resolve();
    await b.event('inbound_node_disconnected');
    assert.deepEqual(b.messages, [1, 2, 3]);
    assert.equal(b.names.at(-1), 'inbound_node_disconnected');
  });

  test('may end the connection, or the node, although the peer has left meanwhile', async (t) => {
    for (const leave of ['connection', 'node'] as const) {
      const { a, b, connection } = await startPair(t);
      const gate = Promise.withResolvers<void>();
      const done = Promise.withResolvers<void>();
      b.on('node_message', async (peer) => {
        await gate.promise;
        await (leave === 'node' ? b : peer).stop();
        done.resolve();
      });
      connection.send('hello');
      await b.message(1);
      await a.stop();
      gate.resolve();
      await b.event('inbound_node_disconnected');
      await done.promise;
    }
  });
});
