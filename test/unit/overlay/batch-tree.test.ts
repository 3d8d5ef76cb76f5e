import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sha256Bytes } from '../../../src/base/sha256.ts';
import {
  BatchTree,
  depthOf,
  hashBytes,
  maxBatch,
  maxPlace,
  rootOf,
} from '../../../src/overlay/batch-tree.ts';

const leavesOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => sha256Bytes(Uint8Array.of(index)));

suite('the tree of a batch', () => {
  test('of any size leads from each leaf to its root, and from no other one', () => {
    for (let count = 2; count <= maxBatch; count++) {
      const leaves = leavesOf(count);
      const tree = new BatchTree(leaves);
      const places = new Set<number>();
      for (const [index, leaf] of leaves.entries()) {
        const { place, path } = tree.proofOf(index);
        places.add(place);
        assert.ok(place <= maxPlace);
        assert.equal(path.length, depthOf(place) * hashBytes);
        assert.deepEqual(rootOf(leaf, place, path), tree.root);
        const other = leaves[(index + 1) % count]!;
        assert.notDeepEqual(rootOf(other, place, path), tree.root);
        assert.notDeepEqual(rootOf(leaf, place ^ 1, path), tree.root);
      }
      assert.equal(places.size, count);
    }
  });

  test('has another root for another order', () => {
    const leaves = leavesOf(5);
    assert.notDeepEqual(new BatchTree(leaves.toReversed()).root, new BatchTree(leaves).root);
  });
});
