import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { minimize } from '../../../../src/simulator/testing/minimize.ts';

suite('the smallest list that fails', () => {
  test('has what the failure needs, in order, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(59), { maxLength: 5 }),
        async (items, places) => {
          const needed = items.filter((_, index) => places.includes(index));
          const fails = async (part: readonly number[]) => needed.every((item) => part.includes(item));
          assert.deepEqual(await minimize(items, fails), needed);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('can do without what was needed only beside something that has gone', async () => {
    // Either all of them, or the last one alone.
    const fails = async (part: readonly number[]) =>
      part.length === 4 || (part.length < 4 && part.includes(4));
    assert.deepEqual(await minimize([1, 2, 3, 4], fails), [4]);
  });

  test('takes few attempts', async () => {
    let attempts = 0;
    const items = Array.from({ length: 1_000 }, (_, index) => index);
    const kept = await minimize(items, async (part) => {
      attempts += 1;
      return part.includes(123) && part.includes(777);
    });
    assert.deepEqual(kept, [123, 777]);
    assert.ok(attempts < 100, `${attempts}`);
  });

  test('may be empty', async () => {
    assert.deepEqual(await minimize([1, 2, 3], async () => true), []);
    assert.deepEqual(await minimize([], async () => true), []);
  });
});
