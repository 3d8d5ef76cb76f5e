import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { idFromPublicKey } from '../../../src/identity/identity.ts';
import { rememberedId } from '../../../src/identity/remembered-ids.ts';

/** A key of its own for each number. */
function publicKey(number: number): Uint8Array {
  const key = new Uint8Array(32).fill(9);
  new DataView(key.buffer).setUint32(4, number);
  return key;
}

suite('ids that are remembered', () => {
  test('are the ids of their keys, the second time too, and after more keys than are remembered', () => {
    const keys = Array.from({ length: 5_000 }, (_, number) => publicKey(number));
    for (const key of keys) assert.equal(rememberedId(key), idFromPublicKey(key));
    for (const key of [...keys.slice(0, 10), ...keys.slice(-10)]) {
      assert.equal(rememberedId(key), idFromPublicKey(key));
    }
  });
});
