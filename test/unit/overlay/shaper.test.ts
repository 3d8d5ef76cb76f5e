import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Shaper } from '../../../src/overlay/shaper.ts';

suite('the origin whose broadcasts cut the tree', () => {
  test('is the one with the smallest id, and the only one while it sends', () => {
    const shaper = new Shaper();
    assert.equal(shaper.cuts('b'), false);
    shaper.heard('b', 0);
    assert.equal(shaper.cuts('b'), true);
    shaper.heard('c', 1);
    assert.deepEqual([shaper.cuts('b'), shaper.cuts('c')], [true, false]);
    shaper.heard('a', 2);
    assert.deepEqual([shaper.cuts('a'), shaper.cuts('b')], [true, false]);
  });

  test('makes way when it has not sent for 10 seconds', () => {
    const shaper = new Shaper();
    shaper.heard('a', 0);
    shaper.heard('b', 10_000);
    assert.equal(shaper.cuts('a'), true);
    shaper.heard('b', 10_001);
    assert.deepEqual([shaper.cuts('a'), shaper.cuts('b')], [false, true]);
  });
});
