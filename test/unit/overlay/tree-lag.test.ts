import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TreeLag } from '../../../src/overlay/tree-lag.ts';

test('the lag of a tree is the longest of late, and wears off with broadcasts that nobody had announced before', () => {
  const lag = new TreeLag();
  assert.equal(lag.ms, 0);
  lag.arrived(160);
  assert.equal(lag.ms, 160);
  lag.arrived(0);
  assert.equal(lag.ms, 150);
  lag.arrived(400);
  assert.equal(lag.ms, 400);
  for (let count = 0; count < 100; count++) lag.arrived(0);
  assert.ok(lag.ms < 1);
});
