import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HeldPushes } from '../../../src/overlay/held-pushes.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

function heldPushes() {
  const runtime = new VirtualRuntime();
  const released: (readonly string[])[] = [];
  return { runtime, released, held: new HeldPushes(runtime, (ids) => released.push(ids)) };
}

suite('pushes', () => {
  test('leave at once after a pause, and together when they follow each other closely', async () => {
    const { runtime, released, held } = heldPushes();
    assert.ok(!held.hold('a', 40));
    await runtime.advance(10);
    assert.ok(held.hold('b', 40));
    await runtime.advance(20);
    assert.ok(held.hold('c', 40));
    await runtime.advance(9);
    assert.deepEqual(released, []);
    await runtime.advance(1);
    assert.deepEqual(released, [['b', 'c']]);
    assert.ok(held.hold('d', 40), 'the group is the latest push');
    await runtime.advance(40);
    assert.deepEqual(released, [['b', 'c'], ['d']]);
    await runtime.advance(40);
    assert.ok(!held.hold('e', 40));
    assert.deepEqual(runtime.pending, []);
  });

  test('never wait without a gap', () => {
    const { held } = heldPushes();
    for (const id of ['a', 'b', 'c']) assert.ok(!held.hold(id, 0));
  });

  test('leave at once when the node asks for it', async () => {
    const { runtime, released, held } = heldPushes();
    for (const id of ['a', 'b']) held.hold(id, 40);
    held.flush();
    held.flush();
    assert.deepEqual(released, [['b']]);
    await runtime.advance(100);
    assert.deepEqual(released, [['b']]);
    assert.deepEqual(runtime.pending, []);
  });

  test('are not made once the neighbour has the broadcast, or has gone', async () => {
    const { runtime, released, held } = heldPushes();
    for (const id of ['a', 'b', 'c']) held.hold(id, 40);
    held.drop('b');
    await runtime.advance(40);
    assert.deepEqual(released, [['c']]);
    held.hold('d', 40);
    held.drop('d');
    await runtime.advance(40);
    held.hold('e', 40);
    held.hold('f', 40);
    held.close();
    await runtime.advance(100);
    assert.deepEqual(released, [['c']]);
    assert.deepEqual(runtime.pending, []);
  });
});
