import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Data } from '../../../src/base/data.ts';
import { halfBitsOf, halfOf } from '../../../src/tensors/tensor/half-floats.ts';
import { decodeCbor, encodeCbor } from '../../../src/wire/payloads/cbor.ts';

const limits = { maxDepth: 256, maxContainers: 1_000_000 };
const copy = (data: Data): Data => decodeCbor(encodeCbor(data), limits);

suite('what is written as CBOR', () => {
  test('is read again, whatever its size', () => {
    for (const count of [0, 1, 23, 24, 255, 256, 257, 65_535, 65_536, 100_000]) {
      const numbers = Array.from({ length: count }, (_, index) => index * 1.5);
      assert.deepEqual(copy(numbers), numbers);
      const bytes = new Uint8Array(count).fill(7);
      assert.deepEqual(copy([bytes, 'after', bytes, 'x'.repeat(count)]), [
        bytes,
        'after',
        bytes,
        'x'.repeat(count),
      ]);
    }
  });

  test('is read again, whatever it holds', () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.double(),
      fc.float(),
      fc.maxSafeInteger(),
      fc.bigInt(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 1_100 }),
      fc.float64Array(),
    );
    const { data } = fc.letrec<{ data: Data }>((tie) => ({
      data: fc.oneof(
        { depthSize: 'small' },
        leaf as fc.Arbitrary<Data>,
        fc.array(tie('data')),
        fc.dictionary(fc.string(), tie('data'), { noNullPrototype: true }),
      ),
    }));
    fc.assert(fc.property(data, (one) => assert.deepStrictEqual(copy(one), one)));
  });

  test('has memory of its own', () => {
    const bytes = new Uint8Array(2_000);
    const encoded = encodeCbor(bytes);
    bytes.fill(1);
    assert.equal(encoded.at(-1), 0);
  });

  test('leaves out members that are undefined', () => {
    const data = { a: undefined, b: 1 } as unknown as Data;
    assert.deepEqual(copy(data), { b: 1 });
  });
});

suite('half-precision floats', () => {
  test('have the bits that they were made of', () => {
    for (let bits = 0; bits < 0x1_0000; bits++) {
      const value = halfOf(bits);
      if (Number.isNaN(value)) assert.equal(halfBitsOf(value), 0x7e00);
      else assert.equal(halfBitsOf(value), bits);
    }
  });

  test('do not hold what they would have to round', () => {
    for (const value of [2049, 65_520, 2 ** -25, 1 + 2 ** -11, 3 * 2 ** -25, -(2 ** 16)]) {
      assert.equal(halfBitsOf(value), undefined, String(value));
    }
  });
});
