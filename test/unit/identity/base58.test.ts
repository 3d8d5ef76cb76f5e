import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { base58 } from '@scure/base';
import fc from 'fast-check';
import { decodeBase58, encodeBase58 } from '../../../src/identity/base58.ts';

suite('base58', () => {
  test('is what the package @scure/base reads and writes', () => {
    const bytes = fc.uint8Array({ maxLength: 64 });
    const leadingZeros = fc.tuple(fc.nat(3), bytes).map(([zeros, rest]) => {
      const all = new Uint8Array(zeros + rest.length);
      all.set(rest, zeros);
      return all;
    });
    fc.assert(
      fc.property(leadingZeros, (given) => {
        const text = base58.encode(given);
        assert.equal(encodeBase58(given), text);
        assert.deepEqual(decodeBase58(text), given);
      }),
    );
  });
});
