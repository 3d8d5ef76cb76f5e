import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compressXz, decompressXz } from '../../../src/wire/compression/xz.ts';
import { xzUncompressedBytes } from '../../../src/wire/compression/xz-size.ts';
import { lzmaOptions } from '../../support/lzma.ts';

const limit = 4 * 1024 * 1024;

/** Made by Python's lzma.compress. */
const hello = '/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==';
const fromPython: readonly [string, Uint8Array][] = [
  ['/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=', Buffer.from('')],
  [hello, Buffer.from('hello')],
  [
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4APnAAtdADDv+7/+o7C5plYAAABs2eiL6u4QdgABJ+gHAAAA9FWPXLHEZ/sCAAAAAARZWg==',
    Buffer.from('a'.repeat(1000)),
  ],
];

suite('the size of xz data', () => {
  for (const [base64, bytes] of fromPython) {
    test(`is known before decompressing: ${bytes.length} bytes`, () => {
      assert.equal(xzUncompressedBytes(Buffer.from(base64, 'base64')), bytes.length);
    });
  }

  test('is not told of what is cut or followed by more', () => {
    const bytes = Buffer.from(hello, 'base64');
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => xzUncompressedBytes(bytes.subarray(0, length)), Error, `${length} bytes`);
    }
    const more = Buffer.concat([bytes, bytes]);
    assert.throws(() => xzUncompressedBytes(more), {
      message: `its end is followed by ${bytes.length} bytes`,
    });
  });

  test('is not told of what begins in another way', () => {
    for (let at = 0; at < 6; at++) {
      const bytes = Buffer.from(hello, 'base64');
      bytes[at]! ^= 1;
      assert.throws(() => xzUncompressedBytes(bytes), { message: 'it is not xz' });
    }
  });

  test('is not told of what asks for much memory, or for filters', () => {
    const withByte = (at: number, value: number) => {
      const bytes = Buffer.from(hello, 'base64');
      bytes[at] = value;
      return bytes;
    };
    assert.equal(xzUncompressedBytes(withByte(16, 22)), 5);
    assert.throws(() => xzUncompressedBytes(withByte(16, 23)), { message: /needs 12582912 bytes/ });
    assert.throws(() => xzUncompressedBytes(withByte(13, 1)), { message: /other filters/ });
    assert.throws(() => xzUncompressedBytes(withByte(14, 3)), { message: /other filters/ });
  });
});

suite('xz', lzmaOptions, () => {
  for (const [base64, bytes] of fromPython) {
    test(`reads what Python wrote: ${bytes.length} bytes`, () => {
      assert.deepEqual(
        new Uint8Array(decompressXz(Buffer.from(base64, 'base64'), limit)),
        new Uint8Array(bytes),
      );
    });
  }

  test('comes back, in one block and in many chunks', () => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * index) >> 8);
    const compressed = compressXz(bytes);
    assert.equal(xzUncompressedBytes(compressed), bytes.length);
    assert.deepEqual(new Uint8Array(decompressXz(compressed, limit)), bytes);
  });

  test('stops before it is larger than the limit', () => {
    const bomb = compressXz(new Uint8Array(limit + 1));
    assert.throws(() => decompressXz(bomb, limit), { message: `it is larger than ${limit} bytes` });
  });

  test('is never read as other bytes than were written', () => {
    const bytes = Buffer.from('hello hello hello '.repeat(20));
    const compressed = compressXz(bytes);
    for (let bit = 0; bit < compressed.length * 8; bit++) {
      const damaged = Uint8Array.from(compressed);
      damaged[bit >> 3]! ^= 0x80 >> (bit & 7);
      let result: Uint8Array;
      try {
        result = decompressXz(damaged, limit);
      } catch {
        continue;
      }
      assert.deepEqual(new Uint8Array(result), new Uint8Array(bytes), `bit ${bit}`);
    }
  });
});
