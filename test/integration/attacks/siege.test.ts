import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { Node } from '../../../src/index.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { within } from '../../support/turns.ts';
import { destroySockets, helloWith, RawPeer, rawFrame, rawSocket } from './support/raw-peer.ts';

suite('a node that is told to stop', () => {
  after(destroySockets);

  test('stops, whoever clings to it', async () => {
    await using node = new Node('127.0.0.1', 0);
    const stuck = Promise.withResolvers<void>();
    node.on('node_message', () => stuck.promise);
    await node.start();
    const { port } = node;

    for (let count = 0; count < 50; count++) rawSocket(port);
    const halfway = await RawPeer.dial(port);
    halfway.write(helloWith().subarray(0, 20));
    const deaf = await RawPeer.connect(port);
    await deaf.synced();
    deaf.turnDeaf();
    for (let count = 0; count < 30; count++) node.sendToNode(deaf.id, new Uint8Array(1_000_000));
    const unhandled = await RawPeer.connect(port);
    unhandled.write(...Array.from({ length: 10 }, () => rawFrame(FrameKind.message, 'x', { format: 2 })));
    await unhandled.synced();

    // Connections get 5 s to send what waits; without that limit it would never end.
    await within(node.stop(), 'the node stops');
    assert.deepEqual(node.allNodes, []);
    stuck.resolve();
  });
});
