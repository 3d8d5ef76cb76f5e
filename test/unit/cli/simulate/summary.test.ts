import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsOf, type Summary } from '../../../../src/cli/simulate/summary.ts';

const summary: Summary = {
  nodes: 7,
  running: 7,
  reached: 7,
  halfAfterMs: 1,
  lastAfterMs: 2,
  hops: { mean: 1, max: 2 },
  redundancy: 0,
  messages: 7,
  bytes: 70,
  degree: { min: 0, mean: 2, max: 4 },
  clustering: 0,
  path: { mean: 1, max: 2 },
  components: [7],
  virtualMs: 1_000,
  events: 20,
  digest: '0123456789abcdef',
};

test('the summary of a rumour says into which parts the network fell', () => {
  const partsOf = (components: number[]) => new Map(rowsOf({ ...summary, components })).get('parts');
  assert.equal(partsOf([7]), 'one: the network is connected');
  assert.equal(partsOf([4, 2, 1]), '3: the largest has 4 nodes, 1 node is alone');
  assert.equal(partsOf([5, 1, 1]), '3: the largest has 5 nodes, 2 nodes are alone');
  assert.equal(partsOf([1, 1, 1]), '3: every node is alone');
  assert.equal(partsOf([]), 'none');
});
