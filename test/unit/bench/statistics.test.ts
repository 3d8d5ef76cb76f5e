import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { medianInterval } from '../../../bench/statistics.ts';

suite('the confidence interval of a median', () => {
  // The ranks of the tables for the sign test: 6: 1, 10: 2, 20: 6, 100: 40.
  for (const [count, rank] of [
    [6, 1],
    [8, 1],
    [9, 2],
    [10, 2],
    [20, 6],
    [100, 40],
  ] as const) {
    test(`of ${count} values lies between rank ${rank} from below and from above`, () => {
      const values = Array.from({ length: count }, (_, index) => count - index);
      assert.deepEqual(medianInterval(values), [rank, count + 1 - rank]);
    });
  }

  test('says nothing of fewer than 6 values', () => {
    assert.deepEqual(medianInterval([1, 2, 3, 4, 5]), [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });
});
