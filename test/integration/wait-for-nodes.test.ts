import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { withCode } from '../support/errors.ts';
import { makeNode, startNodes, startVirtualNodes } from '../support/start-nodes.ts';

suite('waitForNodes', () => {
  test('resolves at the listening node when the dialling ones have connected', async (t) => {
    const [hub, ...others] = await startNodes(t, 4);
    const waiting = hub.waitForNodes(3);
    for (const other of others) await other.connectWithNode(hub.host, hub.port);
    const connections = await waiting;
    assert.deepEqual(new Set(connections.map(({ id }) => id)), new Set(others.map(({ id }) => id)));
    // What the listening node sends now reaches every one of them.
    assert.equal(hub.sendToNodes('hello').sent, 3);
    for (const other of others) assert.equal(await other.message(), 'hello');
  });

  test('gives the connections of the ids asked for, in their order, whichever side dialled', async (t) => {
    const [a, b, c] = await startNodes(t, 3);
    await a.connectWithNode(b.host, b.port);
    await c.connectWithNode(a.host, a.port);
    const [first, second] = await a.waitForNodes([c.id, b.id]);
    assert.deepEqual([first!.id, second!.id], [c.id, b.id]);
  });

  test('resolves at once when enough are connected, and for none', async (t) => {
    const node = makeNode(t);
    assert.deepEqual(await node.waitForNodes(0), []);
    assert.deepEqual(await node.waitForNodes([]), []);
  });

  test('fails after its time, with a signal, and when the node stops', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 1);
    const [node] = nodes;
    const late = assert.rejects(node.waitForNodes(1), withCode('ERR_TIMEOUT'));
    await runtime.advance(30_000);
    await late;
    const controller = new AbortController();
    const aborted = node.waitForNodes(['somebody'], { signal: controller.signal });
    controller.abort();
    await assert.rejects(aborted, withCode('ERR_ABORTED'));
    const stopped = node.waitForNodes(1, { timeoutMs: Number.POSITIVE_INFINITY });
    const refused = assert.rejects(stopped, withCode('ERR_NOT_STARTED'));
    await runtime.settle(node.stop());
    await refused;
    await assert.rejects(node.waitForNodes(1), withCode('ERR_NOT_STARTED'));
  });

  test('refuses what is neither a number nor a list of ids', async (t) => {
    const node = makeNode(t);
    for (const wrong of [-1, 1.5, 'id', [1], undefined]) {
      await assert.rejects(node.waitForNodes(wrong as number), TypeError, String(wrong));
    }
  });

  test('refuses an id that no node can have, which would never come', async (t) => {
    const node = makeNode(t);
    const slips = [` ${node.id}`, node.id.toLowerCase(), node.id.slice(0, -1), ''];
    for (const slip of slips) {
      const rule = /^waitForNodes must be the complete id of a node/;
      await assert.rejects(node.waitForNodes(['somebody', slip]), { name: 'TypeError', message: rule });
    }
  });
});
