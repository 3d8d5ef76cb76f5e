import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandshakeRefused } from '../../src/channel/handshake-refused.ts';
import { Identity, type NodeCallback } from '../../src/index.ts';
import { FrameKind } from '../../src/wire/frames/frame.ts';
import { engines } from '../support/engines.ts';
import { HandMadePeer } from '../support/hand-made-peer.ts';
import { startNodes } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';
import { dataFrame } from '../unit/channel/open-channel.ts';

const engine = engines[1]!;

suite('a node that is connected and connects again', () => {
  test('is refused as a duplicate while it has not lost the first connection', async (t) => {
    const [node] = await startNodes(t, 1, { engine });
    const identity = Identity.generate();
    const first = await HandMadePeer.dial(t, node, { engine, identity });
    await node.event('inbound_node_connected');
    await assert.rejects(
      HandMadePeer.dial(t, node, { engine, identity }),
      (error) => error instanceof HandshakeRefused && error.goodbye.code === 'duplicate',
    );
    assert.equal(node.peer(first).isOpen, true);
    assert.deepEqual(node.names, ['inbound_node_connected']);
  });

  test('loses nothing that had arrived: what waits for a handler is handled before the older connection has ended', async (t) => {
    const busy = Promise.withResolvers<void>();
    const callback: NodeCallback = (event) => (event === 'node_message' ? busy.promise : undefined);
    const [node] = await startNodes(t, 1, { engine, options: { callback } });
    const identity = Identity.generate();
    const first = await HandMadePeer.dial(t, node, { engine, identity });
    const frames = ['one', 'two', 'three'].map((text) => dataFrame(FrameKind.message, text));
    first.link.send(Buffer.concat(frames)); // in one piece: all have arrived when one has
    await node.event('node_message');
    await HandMadePeer.dial(t, node, { engine, identity, hello: { replace: true } });
    await node.event('inbound_node_connected', 2);
    busy.resolve();
    await node.event('inbound_node_disconnected');
    assert.deepEqual(node.messages, ['one', 'two', 'three']);
    assert.equal(node.names.at(-1), 'inbound_node_disconnected');
  });

  for (const [why, hello, message] of [
    [
      'was restarted since',
      { instance: 'another run' },
      'another process with the same identity took the place of this connection: give each process an identity of its own',
    ],
    [
      'says that it has lost the first',
      { replace: true },
      'a newer connection of the same node took its place',
    ],
  ] as const) {
    test(`takes the place of its older connection when it ${why}`, async (t) => {
      const [node] = await startNodes(t, 1, { engine });
      const identity = Identity.generate();
      const first = await HandMadePeer.dial(t, node, { engine, identity });
      const { peer: older } = await node.event('inbound_node_connected');
      const second = await HandMadePeer.dial(t, node, { engine, identity, hello });
      const { peer: newer } = await node.event('inbound_node_connected', 2);
      await node.event('inbound_node_disconnected');
      await within(first.link.closed, 'the older link ends');
      assert.deepEqual(older!.closeReason, {
        code: 'replaced',
        message,
        by: 'us',
      });
      assert.ok(node.peer(second) === newer);
      assert.equal(node.sendToNodes('to the newer one').sent, 1);
      assert.deepEqual(node.names, [
        'inbound_node_connected',
        'inbound_node_connected',
        'inbound_node_disconnected',
      ]);
    });
  }
});
