import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ShuffleWalks } from '../../../../src/overlay/membership/shuffle-walks.ts';

suite('the ways back', () => {
  test('of walks that came by twice are both known', () => {
    const walks = new ShuffleWalks();
    walks.passedOn(7, { from: 'a', to: 'b' });
    walks.passedOn(7, { from: 'c', to: 'd' });
    assert.equal(walks.wayBack(7, 'd'), 'c');
    assert.equal(walks.wayBack(7, 'b'), 'a');
    assert.equal(walks.wayBack(7, 'b'), undefined);
    assert.equal(walks.wayBack(8, 'b'), undefined);
  });

  test('of 256 walks are known', () => {
    const walks = new ShuffleWalks();
    for (let walk = 0; walk < 10_000; walk++) walks.passedOn(walk, { from: 'a', to: 'b' });
    assert.equal(walks.size, 256);
    assert.equal(walks.wayBack(9_744, 'b'), 'a');
    assert.equal(walks.wayBack(9_743, 'b'), undefined);
  });
});
