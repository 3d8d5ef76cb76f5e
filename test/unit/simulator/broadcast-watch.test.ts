import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BroadcastWatch } from '../../../src/simulator/watch/broadcast-watch.ts';

suite('the totals of broadcasts', () => {
  test('of none are zeros, and nobody is missed', () => {
    assert.deepEqual(new BroadcastWatch().totals, {
      sent: 0,
      received: 0,
      deliveryRatio: 1,
      hops: { mean: 0, max: 0 },
      lastHop: 0,
      redundancy: 0,
    });
  });

  test('count nodes, hops, and copies', () => {
    const watch = new BroadcastWatch();
    watch.sent('a', 4);
    watch.sent('b', 4);
    for (const hops of [1, 3, 2]) watch.arrived('a', hops);
    watch.arrived('b', 2);
    watch.repeated();
    assert.deepEqual(watch.totals, {
      sent: 2,
      received: 4,
      deliveryRatio: 0.5,
      hops: { mean: 2, max: 3 },
      // 3 hops to the last node of the one, and 2 of the other.
      lastHop: 2.5,
      redundancy: 0.25,
    });
  });

  test('know the last hop of the latest 4,096; a copy of an earlier one changes nothing of it', () => {
    const watch = new BroadcastWatch();
    const count = 4_097;
    for (let index = 0; index < count; index++) watch.sent(`${index}`, 1);
    watch.arrived('0', 4_097);
    assert.equal(watch.totals.lastHop, 0);
    watch.arrived('1', count);
    assert.equal(watch.totals.lastHop, 1);
    assert.equal(watch.totals.received, 2);
  });
});
