import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sha256Bytes } from '../../../src/base/sha256.ts';
import { BatchTree } from '../../../src/overlay/batch-tree.ts';

const leavesOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => sha256Bytes(Uint8Array.of(index)));

suite('the tree of a batch', () => {
  test('has another root for another order', () => {
    const leaves = leavesOf(5);
    assert.notDeepEqual(new BatchTree(leaves.toReversed()).root, new BatchTree(leaves).root);
  });
});
