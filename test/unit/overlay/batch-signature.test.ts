import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { isBatchSignedBy, signedForBatch } from '../../../src/overlay/batch-signature.ts';

const rootOf = (text: string): Uint8Array => new Uint8Array(32).fill(text.charCodeAt(0));

suite('signatures of batches', () => {
  test('hold for their origin, their root and their own bytes only, also when the batch is known', () => {
    const [alice, bob] = [Identity.generate(), Identity.generate()];
    const signature = alice.sign(signedForBatch(rootOf('a')));
    const other = Uint8Array.from(signature);
    other[0]! ^= 1;
    for (let count = 0; count < 2; count++) {
      assert.ok(isBatchSignedBy(alice.id, rootOf('a'), signature));
      assert.ok(!isBatchSignedBy(alice.id, rootOf('a'), other));
      assert.ok(!isBatchSignedBy(alice.id, rootOf('b'), signature));
      assert.ok(!isBatchSignedBy(bob.id, rootOf('a'), signature));
    }
  });

  test('are computed again when 1,024 later ones were checked, and are the same', () => {
    const alice = Identity.generate();
    const rootNumber = (number: number): Uint8Array => {
      const root = new Uint8Array(32);
      new DataView(root.buffer).setUint32(0, number);
      return root;
    };
    const signatures = Array.from({ length: 1_025 }, (_, at) => alice.sign(signedForBatch(rootNumber(at))));
    for (const [at, signature] of signatures.entries())
      assert.ok(isBatchSignedBy(alice.id, rootNumber(at), signature));
    assert.ok(isBatchSignedBy(alice.id, rootNumber(0), signatures[0]!));
    assert.ok(!isBatchSignedBy(alice.id, rootNumber(0), signatures[1]!));
  });
});
