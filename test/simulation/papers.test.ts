import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { challenge3e, floodAndTree, irohBars, sendersCost } from '../../scripts/papers/broadcasts.ts';

// A small share of `npm run simulate:papers`.
suite('broadcasts, as the papers and others measure them', () => {
  test('follow a tree without a single further copy, about as far as flooding', async () => {
    const { flood, tree } = await floodAndTree(60, 3);
    assert.equal(flood.deliveryRatio, 1);
    assert.ok(flood.redundancy > 2.5, `flooding: ${flood.redundancy}`);
    assert.deepEqual([tree.deliveryRatio, tree.redundancy], [1, 0]);
    assert.ok(tree.lastHop <= flood.lastHop + 1, `${tree.lastHop} after ${flood.lastHop}`);
  });

  test('stay below the bars of iroh-gossip for 100 peers with many senders', async () => {
    const { deliveryRatio, redundancy, lastHop } = await sendersCost(100, 'many', 2);
    assert.equal(deliveryRatio, 1);
    assert.ok(redundancy < irohBars.many.redundancy, `redundancy ${redundancy}`);
    assert.ok(lastHop < irohBars.many.lastHop, `last hop ${lastHop}`);
  });

  test('of many origins that are under way at once form a tree all the same: 2 seeds', async () => {
    for (const seed of [1, 2]) {
      const { medianMs, maxMs, lateRedundancy } = await challenge3e(seed, 400);
      assert.ok(medianMs < 1_000 && maxMs < 2_500, `seed ${seed}: ${medianMs} and ${maxMs} ms`);
      assert.ok(lateRedundancy < 0.05, `seed ${seed}: redundancy ${lateRedundancy}`);
    }
  });
});
