import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runNow } from '../../../src/base/steps.ts';
import { sortedKeys } from '../../../src/secure/sorted-keys.ts';
import { randomFrom } from '../../support/random-from.ts';

/** @returns how many steps it took. */
function sortAndCompare(keys: readonly string[]): number {
  const steps = sortedKeys([...keys]);
  for (let count = 1; ; count++) {
    const { done, value } = steps.next();
    if (!done) continue;
    assert.deepEqual(value, [...keys].sort());
    return count;
  }
}

suite('the keys of an object', () => {
  test('are sorted by their code units, however many there are', () => {
    const random = randomFrom(7);
    const letters = ['a', 'B', 'ä', '€', '😀', '\uffff', '0', '$', ''];
    const key = (): string =>
      Array.from({ length: 12 }, () => letters[Math.floor(random() * letters.length)]).join('');
    for (const count of [0, 1, 2, 100, 1_750, 5_000, 7_001, 20_000]) {
      sortAndCompare(Array.from({ length: count }, key));
    }
    sortAndCompare(Array.from({ length: 10_000 }, (_, index) => String(20_000 - index)));
  });

  test('are sorted in one step where they are few, and in many where they are many or long', () => {
    assert.equal(sortAndCompare(Array.from({ length: 1_000 }, (_, index) => `key ${index}`)), 1);
    const ofMany = sortAndCompare(Array.from({ length: 50_000 }, (_, index) => `key ${index}`));
    const long = 'x'.repeat(100_000);
    const ofLong = sortAndCompare(Array.from({ length: 64 }, (_, index) => `${long} ${index}`));
    for (const steps of [ofMany, ofLong])
      assert.ok(steps > 100 && steps < 1_000, `${ofMany}, ${ofLong} steps`);
  });

  test('are left to whoever runs the steps', () => {
    assert.deepEqual(runNow(sortedKeys(['b', 'a'])), ['a', 'b']);
  });
});
