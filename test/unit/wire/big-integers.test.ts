import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Data } from '../../../src/base/data.ts';
import { decodeBigInteger, encodeBigInteger, isInBounds } from '../../../src/wire/payloads/big-integers.ts';
import { decodePayload, encodePayload, PayloadFormat } from '../../../src/wire/payloads/payload.ts';

const largest = 10n ** 4_300n - 1n;

function throughTheWire(data: Data): Data {
  const { format, body } = encodePayload(data);
  assert.equal(format, PayloadFormat.cbor);
  return decodePayload(format, Uint8Array.from(body));
}

suite('bigints', () => {
  test('arrive as bigints, however small or large, wherever they stand', () => {
    for (const value of [
      0n,
      1n,
      -1n,
      255n,
      -256n,
      2n ** 53n,
      2n ** 64n,
      -(2n ** 64n) - 1n,
      largest,
      -largest,
    ]) {
      for (const data of [value, [value], { a: { b: [value, Uint8Array.of(1)] } }]) {
        assert.deepStrictEqual(throughTheWire(data), data);
      }
    }
  });

  test('all of them come back', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        const { tag, bytes } = encodeBigInteger(value);
        assert.notEqual(bytes[0], 0, 'no leading zeros');
        assert.equal(decodeBigInteger(tag, bytes), value);
        assert.equal(decodeBigInteger(tag, Uint8Array.of(0, 0, ...bytes)), value, 'zeros are passed over');
      }),
    );
  });

  test('of more than 4,300 digits are no data', () => {
    assert.ok(isInBounds(largest) && isInBounds(-largest));
    for (const value of [largest + 1n, -largest - 1n]) {
      const message = / is a bigint of more than 4300 digits; a message can hold/;
      assert.throws(() => encodePayload({ value }), { name: 'TypeError', message });
      const { tag, bytes } = encodeBigInteger(value);
      assert.throws(() => decodeBigInteger(tag, bytes), /more than 4300 digits/);
    }
    const begun = performance.now();
    assert.throws(() => decodeBigInteger(2, new Uint8Array(16 * 1024 * 1024).fill(255)), /more than 4300/);
    assert.ok(performance.now() - begun < 1_000, 'nothing is computed of it');
  });
});
