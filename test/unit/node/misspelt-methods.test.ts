import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { z } from 'zod';
import { defineMessage, MemoryHub, memory, Node, type NodeOptions } from '../../../src/index.ts';
import { SecureNode } from '../../../src/secure/index.ts';

/** What the console shows when nodes of a class start. */
async function warnings(
  t: TestContext,
  Class: typeof Node,
  { count = 1, prepare = (_node: Node): unknown => undefined, options = {} as NodeOptions } = {},
): Promise<string[]> {
  const printed = t.mock.method(console, 'error', () => {});
  for (let index = 0; index < count; index++) {
    const node = new Class('here', 1, { ...options, transports: [memory({ hub: new MemoryHub() })] });
    prepare(node);
    await node.start();
    await node.stop();
  }
  const lines = printed.mock.calls.map((call) => String(call.arguments[0]));
  printed.mock.restore();
  return lines;
}

suite('a class with a method that is nearly one of an event', () => {
  for (const [name, meant] of [
    ['nodeMesage', 'nodeMessage'],
    ['node_message', 'nodeMessage'],
    ['nodemessage', 'nodeMessage'],
    ['onMessage', 'nodeMessage'],
    ['onNodeRequest', 'nodeRequest'],
    ['onNodeMessage', 'nodeMessage'],
    ['onInboundNodeConnected', 'inboundNodeConnected'],
    ['inboundNodeConected', 'inboundNodeConnected'],
    ['nodeRequestsToStop', 'nodeRequestToStop'],
    ['nodeEror', 'nodeError'],
  ] as const) {
    test(`${name} is reported once, with ${meant}`, async (t) => {
      class Slip extends Node {}
      Object.defineProperty(Slip.prototype, name, { value: () => {} });
      assert.deepEqual(await warnings(t, Slip, { count: 2 }), [
        `Slip has a method ${name}, which the node never calls: did you mean ${meant}?`,
      ]);
    });
  }

  test('is reported for a field too, and behind a class in between', async (t) => {
    class Base extends SecureNode {}
    class Slip extends Base {
      nodeMesage = () => {};
    }
    assert.equal((await warnings(t, Slip)).length, 1);
  });
});

suite('a class of methods of its own', () => {
  test('is not reported', async (t) => {
    class Honest extends Node {
      messages = [];
      nodeMessages() {}
      nodeErrors() {}
      onInboundConnected() {}
      message() {}
      streams() {}
      onError() {}
      nodeCount() {}
      connect() {}
      requestAll() {}
      override nodeMessage() {}
    }
    assert.deepEqual(await warnings(t, Honest), []);
    assert.deepEqual(await warnings(t, Node), []);
    assert.deepEqual(await warnings(t, SecureNode), []);
  });

  test('is not reported where it handles the event, in whatever style', async (t) => {
    const line = defineMessage('line', z.string());
    const styles: ((node: Node) => unknown)[] = [
      (node) => node.on('node_message', () => {}),
      (node) => node.handle(line, () => {}),
    ];
    for (const prepare of styles) {
      class Honest extends Node {
        onMessage() {}
      }
      assert.deepEqual(await warnings(t, Honest, { prepare }), []);
    }
    class Honest extends Node {
      onMessage() {}
    }
    assert.deepEqual(await warnings(t, Honest, { options: { callback: () => {} } }), []);
  });
});
