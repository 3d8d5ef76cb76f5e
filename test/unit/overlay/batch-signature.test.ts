import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sha256Bytes } from '../../../src/base/sha256.ts';
import { Identity } from '../../../src/index.ts';
import { type BatchMember, isInSignedBatch, signedForBatch } from '../../../src/overlay/batch-signature.ts';
import { BatchTree, depthOf, hashBytes, maxBatch, maxPlace } from '../../../src/overlay/batch-tree.ts';

const alice = Identity.generate();

/** The members of a batch. Batches with different names have different ids. */
function batchOf(count: number, name: string): { members: BatchMember[]; signature: Uint8Array } {
  const leaves = Array.from({ length: count }, (_, at) => sha256Bytes(Buffer.from(`${name} ${at}`)));
  const tree = new BatchTree(leaves);
  const members = leaves.map((leaf, index) => ({ leaf, ...tree.proofOf(index) }));
  return { members, signature: alice.sign(signedForBatch(tree.root)) };
}

/** All that differs from a member in one byte of its path, or in its place or leaf. */
function* changesOf(
  { leaf, place, path }: BatchMember,
  others: readonly BatchMember[],
): Generator<BatchMember> {
  for (let at = 0; at < path.length; at += 5) {
    const changed = Uint8Array.from(path);
    changed[at]! ^= 1;
    yield { leaf, place, path: changed };
  }
  yield { leaf, place: place ^ 1, path };
  for (const other of others) if (other.place !== place) yield { leaf: other.leaf, place, path };
}

suite('signatures of batches', () => {
  test('hold for each member of a batch of any size, whichever comes first', () => {
    for (let count = 2; count <= maxBatch; count++) {
      const { members, signature } = batchOf(count, `any ${count}`);
      const first = members[(7 * count) % count]!;
      for (const member of [first, ...members.toReversed(), ...members]) {
        assert.ok(member.place <= maxPlace);
        assert.equal(member.path.length, depthOf(member.place) * hashBytes);
        assert.ok(isInSignedBatch(alice.id, member, signature), `${member.place} of ${count}`);
      }
    }
  });

  test('do not hold for another leaf, place or path, in a known batch too: nodes that get it check it all', () => {
    for (const count of [2, 5, 13]) {
      const { members, signature } = batchOf(count, `changed ${count}`);
      for (const isKnown of [false, true]) {
        for (const member of members) {
          for (const changed of changesOf(member, members)) {
            assert.ok(!isInSignedBatch(alice.id, changed, signature), `${member.place}, known: ${isKnown}`);
          }
        }
        for (const member of members) assert.ok(isInSignedBatch(alice.id, member, signature));
      }
    }
  });

  test('hold for their origin and their own bytes only, also when the batch is known', () => {
    const bob = Identity.generate();
    const { members, signature } = batchOf(3, 'own');
    const member = members[0]!;
    const others = [0, 40, 63].map((at) => {
      const other = Uint8Array.from(signature);
      other[at]! ^= 1;
      return other;
    });
    for (let count = 0; count < 2; count++) {
      assert.ok(isInSignedBatch(alice.id, member, signature));
      for (const other of others) assert.ok(!isInSignedBatch(alice.id, member, other));
      assert.ok(!isInSignedBatch(bob.id, member, signature));
    }
  });

  test('are kept though the bytes that a member came in change later', () => {
    const { members, signature } = batchOf(4, 'bytes');
    const [first, second] = [members[0]!, members[1]!];
    const path = Uint8Array.from(first.path);
    const given = Uint8Array.from(signature);
    assert.ok(isInSignedBatch(alice.id, { ...first, path }, given));
    path.fill(0);
    given.fill(0);
    assert.ok(isInSignedBatch(alice.id, second, signature));
  });

  test('are computed again when 1,024 later ones were checked, and are the same', () => {
    const batches = Array.from({ length: 1_025 }, (_, at) => batchOf(2, `many ${at}`));
    for (const { members, signature } of batches)
      assert.ok(isInSignedBatch(alice.id, members[0]!, signature));
    const [first, second] = [batches[0]!, batches[1]!];
    assert.ok(isInSignedBatch(alice.id, first.members[1]!, first.signature));
    assert.ok(!isInSignedBatch(alice.id, first.members[1]!, second.signature));
  });
});
