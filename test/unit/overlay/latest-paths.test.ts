import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LatestPaths } from '../../../src/overlay/latest-paths.ts';

const pathOver = (via: string) => ({ via, hops: 2, arrivedAtMs: 5 });

suite('the latest paths', () => {
  test('are those of the latest broadcast of each origin', () => {
    const paths = new LatestPaths(() => {});
    paths.heard('far', pathOver('one'));
    paths.heard('far', pathOver('other'));
    assert.deepEqual(paths.find('far'), pathOver('other'));
    assert.equal(paths.find('unknown'), undefined);
  });

  test('are of 4,096 origins at most: the one heard of longest ago is forgotten', () => {
    let keptBytes = 0;
    const paths = new LatestPaths((bytes) => {
      keptBytes += bytes;
    });
    paths.heard('first', pathOver('one'));
    paths.heard('second', pathOver('one'));
    const most = 2 * paths.heldBytes * 1_024;
    paths.heard('first', pathOver('one'));
    for (let count = 0; count < 4_095; count++) paths.heard(`made up ${count}`, pathOver('mallory'));
    assert.equal(paths.find('second'), undefined);
    assert.deepEqual(paths.find('first'), pathOver('one'));
    assert.equal(paths.heldBytes, most);
    assert.ok(keptBytes >= most);
  });
});
