import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decode, encode } from 'cborg';
import fc from 'fast-check';
import type { Data } from '../../../src/base/data.ts';
import { Tensor } from '../../../src/tensors/tensor/tensor.ts';
import { decodeCbor, encodeCbor } from '../../../src/wire/payloads/cbor.ts';

const limits = { maxDepth: 256, maxContainers: 1_000_000 };

/** What both packages call data: no tags, and no `-0`, which cborg writes as an integer. */
const { data } = fc.letrec<{ data: Data }>((tie) => ({
  data: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.double().map((number) => (number === 0 ? 0 : number)),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }) as fc.Arbitrary<Data>,
    fc.array(tie('data')),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('data'), { noNullPrototype: true }),
  ),
}));

suite('CBOR and the package cborg', () => {
  test('what is written here is read there', () => {
    fc.assert(fc.property(data, (one) => assert.deepStrictEqual(decode(encodeCbor(one)), one)));
  });

  test('what is written there is read here', () => {
    fc.assert(fc.property(data, (one) => assert.deepStrictEqual(decodeCbor(encode(one), limits), one)));
  });

  test('a tensor that is written here is a list of dimensions and a typed array there', () => {
    const tags = {
      40: (item: () => unknown) => ({ tensor: item() }),
      85: (item: () => unknown) => ({ float32: item() }),
    };
    const tensor = Tensor.from([[1, 2, 3]]);
    const read = decode(encodeCbor({ tensor }), { tags: Object.assign([], tags) });
    assert.deepStrictEqual(read, { tensor: { tensor: [[1, 3], { float32: tensor.data }] } });
  });

  test('altered bytes that both read are the same data', () => {
    const altered = fc.tuple(data, fc.nat(), fc.nat(255)).map(([one, at, byte]) => {
      const bytes = Uint8Array.from(encode(one));
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(altered, (bytes) => {
        const read = attempt(() => decodeCbor(bytes, limits));
        const readByOther = attempt(() => decode(bytes, { rejectDuplicateMapKeys: true }));
        if (read !== undefined && readByOther !== undefined) assert.deepStrictEqual(read, readByOther);
      }),
      { numRuns: 2_000 },
    );
  });
});

function attempt(read: () => unknown): { readonly value: unknown } | undefined {
  try {
    return { value: read() };
  } catch {
    return undefined;
  }
}
