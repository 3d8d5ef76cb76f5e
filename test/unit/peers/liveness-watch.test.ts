import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LivenessWatch } from '../../../src/peers/liveness-watch.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

/** A watch whose channels are due when the test says, and the times at which it looked. */
function start(...due: number[]) {
  const runtime = new VirtualRuntime();
  const looks: number[] = [];
  const sought: (boolean | undefined)[] = [];
  const all = due.map((dueAt, index) => ({
    dueAt,
    isSuspended: false,
    checkLiveness(now: number, isSought?: boolean) {
      if (index === 0) looks.push(now);
      sought.push(isSought);
      return this.dueAt;
    },
  }));
  const connections = new Map(all.map((channel, index) => [{ id: `${index}` }, { channel }]));
  const watch = new LivenessWatch({ runtime, pingAfterMs: 400, connections, isSought: (id) => id === '1' });
  return { runtime, looks, sought, connections, all, watch };
}

suite('the watch over silent peers', () => {
  test('has no timer before there is a channel, nor when there is none any more', async () => {
    const { runtime, watch, looks, connections } = start(1_000);
    assert.deepEqual(runtime.pending, []);
    watch.expect(400);
    assert.deepEqual(runtime.pending, [401]);
    connections.clear();
    watch.rest();
    await runtime.advance(0);
    assert.deepEqual([runtime.pending, looks], [[], []]);
    watch.expect(400);
    await runtime.advance(401);
    assert.deepEqual(runtime.pending, []);
  });

  test('looks when the first channel is due, and not before', async () => {
    const { runtime, looks, watch, all } = start(5_000, 9_000);
    watch.expect(400);
    watch.expect(800);
    await runtime.advance(5_000);
    assert.deepEqual(looks, [401]);
    all[0]!.dueAt = 20_000;
    await runtime.advance(2_000);
    assert.deepEqual([looks, runtime.pending], [[401, 5_001], [2_001]]);
  });

  test('looks earlier for a channel that is due earlier', async () => {
    const { runtime, looks, watch } = start(50_000);
    watch.expect(40_000);
    watch.expect(100);
    await runtime.advance(101);
    assert.deepEqual([looks, runtime.pending], [[101], [50_000 - 100]]);
  });

  test('lets a quarter of pingAfterMs pass between two looks, whatever is due', async () => {
    const { runtime, looks, watch } = start(0, 0, 0);
    watch.expect(0);
    await runtime.advance(1_000);
    assert.ok(looks.length <= 10, `${looks}`);
    watch.stop();
    watch.expect(1);
    assert.deepEqual(runtime.pending, []);
  });

  test('says whether a suspended peer is sought', async () => {
    const { runtime, sought, watch, all } = start(9_000, 9_000, 9_000);
    all[1]!.isSuspended = all[2]!.isSuspended = true;
    watch.expect(0);
    await runtime.advance(1);
    assert.deepEqual(sought, [false, true, false]);
  });
});
