/** Nodes of both kinds in one network. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { until } from '../../support/turns.ts';
import { dialPython, startOurs } from './nodes.ts';
import { PythonNode } from './python-node.ts';

const connectedEvents = (names: string[]) => names.filter((name) => name.endsWith('_node_connected')).length;

suite('three nodes of ours and three of the Python package', () => {
  test('all connected with all, each hears each', async (t) => {
    const python: PythonNode[] = [];
    for (const style of ['class', 'callback', 'class'] as const) {
      const node = await PythonNode.start(t, { style });
      if (node === undefined) return;
      python.push(node);
    }
    const ours = [await startOurs(t), await startOurs(t), await startOurs(t)];
    for (const [index, node] of ours.entries()) {
      for (const other of ours.slice(index + 1)) await node.connectWithNode(other.host, other.port);
      for (const [column, other] of python.entries()) {
        if ((index + column) % 2 === 0) await dialPython(node, other);
        else assert.equal(await other.connect(node.port), true);
      }
    }
    for (const [index, node] of python.entries()) {
      for (const other of python.slice(index + 1)) assert.equal(await node.connect(other.port), true);
    }
    const all = [...ours, ...python];
    for (const node of ours) {
      await until(() => connectedEvents(node.names) === 5, `${node.name} is connected with all`);
    }
    for (const node of python) {
      await node.eventually(
        () => connectedEvents(node.events.map(({ event }) => event)) === 5,
        'all connected',
      );
    }
    for (const node of ours) assert.equal(node.sendToNodes({ from: node.id }).sent, 5);
    for (const node of python) await node.send({ json: { from: node.id } });
    for (const node of ours) {
      await node.event('node_message', 5);
      const heard = node.of('node_message').map(({ peer, data }) => {
        assert.deepEqual(data, { from: peer!.id });
        return peer!.id;
      });
      assert.deepEqual(heard.sort(), idsBut(node.id));
    }
    for (const node of python) {
      const heard = (await node.until('node_message', 5)).map(({ peer, json }) => {
        assert.deepEqual(JSON.parse(json!), { from: peer });
        return peer;
      });
      assert.deepEqual(heard.sort(), idsBut(node.id));
    }

    function idsBut(id: string): string[] {
      return all
        .map((node) => node.id)
        .filter((one) => one !== id)
        .sort();
    }
  });
});
