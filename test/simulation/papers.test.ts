import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { challenge3e, floodAndTree, irohBars, sendersCost } from '../../scripts/papers/broadcasts.ts';
import { crashed } from '../../scripts/papers/membership.ts';

// A small share of `npm run simulate:papers`.
suite('the overlay, as the papers and others measure them', () => {
  test('broadcasts follow a tree without a single further copy, about as far as flooding', async () => {
    const { flood, tree } = await floodAndTree(60, 3);
    assert.equal(flood.deliveryRatio, 1);
    assert.ok(flood.redundancy > 2.5, `flooding: ${flood.redundancy}`);
    assert.deepEqual([tree.deliveryRatio, tree.redundancy], [1, 0]);
    assert.ok(tree.lastHop <= flood.lastHop + 1, `${tree.lastHop} after ${flood.lastHop}`);
  });

  test('broadcasts stay below the bars of iroh-gossip for 100 peers with many senders', async () => {
    const { deliveryRatio, redundancy, lastHop } = await sendersCost(100, 'many', 2);
    assert.equal(deliveryRatio, 1);
    assert.ok(redundancy < irohBars.many.redundancy, `redundancy ${redundancy}`);
    assert.ok(lastHop < irohBars.many.lastHop, `last hop ${lastHop}`);
  });

  test("broadcasts of many origins at once stay below the bars of fly.io's challenge 3e", async () => {
    const { messagesPerBroadcast, medianMs, maxMs, lateRedundancy } = await challenge3e(2);
    assert.ok(messagesPerBroadcast < 20, `${messagesPerBroadcast} messages`);
    assert.ok(medianMs < 1_000 && maxMs < 2_000, `${medianMs} and ${maxMs} ms`);
    assert.ok(lateRedundancy < 0.2, `redundancy ${lateRedundancy}`);
  });

  test('half of the nodes crash at once: broadcasts still reach nearly all others, and soon all', async () => {
    const { reliability, afterMinute, cyclesToHeal } = await crashed(40, 0.5, 1);
    assert.ok(reliability > 0.9, `${reliability}`);
    assert.equal(afterMinute, 1);
    assert.ok(cyclesToHeal! <= 3, `${cyclesToHeal}`);
  });
});
