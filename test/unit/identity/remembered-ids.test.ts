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

  test('are at most 4,096, and none of those is computed again', (t) => {
    const sizes: number[] = [];
    const { set } = Map.prototype;
    t.mock.method(Map.prototype, 'set', function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
      const result = set.call(this, key, value);
      if (typeof value === 'string' && value.startsWith('12D3KooW')) sizes.push(this.size);
      return result;
    });
    const keys = Array.from({ length: 2 * 4_096 }, (_, number) => publicKey(10_000 + number));
    for (const key of keys) rememberedId(key);
    assert.equal(sizes.length, keys.length);
    assert.equal(Math.max(...sizes), 4_096);
    rememberedId(keys.at(-1)!);
    assert.equal(sizes.length, keys.length);
  });
});
