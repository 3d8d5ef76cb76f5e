import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { withCode } from '../support/errors.ts';
import { makeNode, startVirtualNodes } from '../support/start-nodes.ts';

const absent = { host: 'virtual', port: 7_777 };

suite('connectWithNode with retry', () => {
  test('connects with a node that comes up later', async (t) => {
    const { nodes, runtime, engine } = await startVirtualNodes(t, 1);
    const [a] = nodes;
    const connecting = a.connectWithNode(absent.host, absent.port, { retry: true });
    await runtime.advance(3_000);
    assert.deepEqual(
      a.of('node_reconnection_error').map(({ data }) => (data as { trials: number }).trials),
      [1, 2, 3],
    );
    const b = makeNode(t, { engine, port: absent.port, options: { runtime } }, 1);
    await b.start();
    assert.equal((await runtime.settle(connecting)).id, b.id);
    assert.deepEqual(a.of('connection_error'), []);
  });

  test('rejects with the last error after maxTrials attempts', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 1, { options: { reconnect: { maxTrials: 3 } } });
    const [a] = nodes;
    const connecting = a.connectWithNode(absent.host, absent.port, { retry: true });
    await assert.rejects(runtime.settle(connecting), withCode('ERR_CONNECTION_REFUSED'));
    assert.equal(a.of('node_reconnection_error').length, 3);
    assert.equal(a.of('connection_error').length, 1);
  });

  test('gives up with a signal, and when the node stops', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 1);
    const [a] = nodes;
    const controller = new AbortController();
    const aborted = a.connectWithNode(absent.host, absent.port, { retry: true, signal: controller.signal });
    await runtime.advance(500);
    controller.abort();
    await assert.rejects(runtime.settle(aborted), withCode('ERR_ABORTED'));
    const stopped = a.connectWithNode(absent.host, absent.port, { retry: true });
    const rejected = assert.rejects(stopped, withCode('ERR_NOT_STARTED'));
    await runtime.advance(500);
    await runtime.settle(a.stop());
    await rejected;
    assert.deepEqual(runtime.pending, []);
  });

  test('gives up when a handler returns false', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 1);
    const [a] = nodes;
    a.on('node_reconnection_error', (_address, trials) => trials < 2);
    const connecting = a.connectWithNode(absent.host, absent.port, { retry: true });
    await assert.rejects(runtime.settle(connecting), withCode('ERR_CONNECTION_REFUSED'));
    assert.equal(a.of('node_reconnection_error').length, 2);
  });

  test('does not try again what cannot succeed', async (t) => {
    const { nodes } = await startVirtualNodes(t, 1);
    const [a] = nodes;
    await assert.rejects(a.connectWithNode('ws://x:1', { retry: true }), withCode('ERR_ADDRESS_INVALID'));
    await assert.rejects(a.connectWithNode(a.host, a.port, { retry: true }), withCode('ERR_SELF_CONNECTION'));
    assert.deepEqual(a.of('node_reconnection_error'), []);
  });
});
