import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RivalRuns } from '../../../src/peers/rival-runs.ts';

test('a run that gave way to another one is known when it comes back; others are not', () => {
  const rivals = new RivalRuns();
  rivals.replaced('a', 'run 1');
  assert.equal(rivals.wasReplaced('a', 'run 1'), true);
  assert.equal(rivals.wasReplaced('a', 'run 2'), false);
  assert.equal(rivals.wasReplaced('b', 'run 1'), false);
});

test('each run is told once', () => {
  const rivals = new RivalRuns();
  assert.equal(rivals.tell('a', 'run 2'), false, 'there is nothing to tell');
  rivals.replaced('a', 'run 1');
  assert.equal(rivals.tell('a', 'run 2'), true);
  assert.equal(rivals.tell('a', 'run 2'), false);
  rivals.replaced('a', 'run 2');
  assert.equal(rivals.tell('a', 'run 2'), false, 'also after it gave way itself');
  assert.equal(rivals.tell('a', 'run 1'), true);
});

test('8 runs of 1,000 nodes are remembered, the latest ones', () => {
  const rivals = new RivalRuns();
  for (let run = 1; run <= 9; run++) rivals.replaced('a', `run ${run}`);
  assert.equal(rivals.wasReplaced('a', 'run 1'), false);
  assert.equal(rivals.wasReplaced('a', 'run 2'), true);
  for (let node = 1; node <= 999; node++) rivals.replaced(`node ${node}`, 'run 1');
  rivals.replaced('a', 'run 10');
  rivals.replaced('node 1000', 'run 1');
  assert.equal(rivals.wasReplaced('node 1', 'run 1'), false);
  assert.equal(rivals.wasReplaced('node 2', 'run 1'), true);
  assert.equal(rivals.wasReplaced('a', 'run 10'), true);
});
