import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { engines } from '../support/engines.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes } from '../support/start-nodes.ts';

/** Handles one message in each turn of the event loop. */
class SlowNode extends RecordingNode {
  override nodeMessage(): Promise<void> {
    return nextTurn();
  }
}

for (const engine of engines) {
  test(`what a node sent before it left is handled, though it is back already: ${engine.name}`, async (t) => {
    const [a] = await startNodes(t, 1, { engine });
    const [b] = await startNodes(t, 1, { engine, kind: SlowNode });
    const connection = await connect(a, b);
    for (let number = 1; number <= 1_000; number++) connection.send(number);
    await a.disconnectWithNode(connection);
    const again = await connect(a, b);
    await again.deliver('again');
    await b.event('inbound_node_disconnected');
    assert.equal(b.messages.length, 1_001);
    assert.deepEqual(
      b.messages.filter((data) => data !== 'again'),
      Array.from({ length: 1_000 }, (_, index) => index + 1),
    );
    assert.equal(b.of('inbound_node_disconnected')[0]!.peer!.closeReason!.code, 'disconnected');
  });
}
