import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';
import { sample } from '../../../mutants/sample.ts';
import { randomFrom } from '../../support/random-from.ts';

suite('the lines that mutation tests try', () => {
  const file = resolve(import.meta.dirname, '../../../src/node/node.ts');

  test('are the same for the same seed, and others for another', () => {
    const chosen = sample([file], 0.2, randomFrom(1));
    assert.deepEqual(sample([file], 0.2, randomFrom(1)), chosen);
    assert.notDeepEqual(sample([file], 0.2, randomFrom(2)), chosen);
    assert.match(chosen[0]!, /node\.ts:\d+-\d+$/);
  });

  test('are all of a file for a share of 1', () => {
    assert.deepEqual(sample([file], 1, randomFrom(1)), [file]);
  });
});
