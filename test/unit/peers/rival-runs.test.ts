import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RivalRuns } from '../../../src/peers/rival-runs.ts';

test('a run that gave way to another one is known when it comes back; others are not', () => {
  const rivals = new RivalRuns();
  rivals.replaced('run 1');
  assert.equal(rivals.wasReplaced('run 1'), true);
  assert.equal(rivals.wasReplaced('run 2'), false);
});

test('each run is told once', () => {
  const rivals = new RivalRuns();
  rivals.replaced('run 1');
  assert.equal(rivals.tell('run 2'), true);
  assert.equal(rivals.tell('run 2'), false);
  rivals.replaced('run 2');
  assert.equal(rivals.tell('run 2'), false, 'also after it gave way itself');
  assert.equal(rivals.tell('run 1'), true);
});

test('8 runs are remembered, the latest ones', () => {
  const rivals = new RivalRuns();
  for (let run = 1; run <= 9; run++) rivals.replaced(`run ${run}`);
  assert.equal(rivals.wasReplaced('run 1'), false);
  assert.equal(rivals.wasReplaced('run 2'), true);
  for (let run = 1; run <= 9; run++) rivals.tell(`run ${run}`);
  assert.equal(rivals.tell('run 2'), false);
  assert.equal(rivals.tell('run 1'), true);
});
