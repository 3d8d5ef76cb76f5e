import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BitReader, BitWriter } from '../../../../src/wire/compression/bzip2/bits.ts';
import { compressBzip2 } from '../../../../src/wire/compression/bzip2/compress.ts';
import { decompressBzip2 } from '../../../../src/wire/compression/bzip2/decompress.ts';
import { readCodeLengths } from '../../../../src/wire/compression/bzip2/huffman-decoder.ts';

const limit = 4 * 1024 * 1024;
const random = xorshift(1);
const bytesOf = (length: number, byte: (index: number) => number) =>
  Uint8Array.from({ length }, (_, i) => byte(i));

const samples: readonly [string, Uint8Array][] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(0)],
  ['text', Buffer.from('to be, or not to be, that is the question')],
  ['one byte often', new Uint8Array(300_000)],
  ['a period', bytesOf(20_000, (index) => index % 7)],
  ['noise', bytesOf(50_000, () => random() & 0xff)],
  ['noise of two bytes', bytesOf(50_000, () => random() & 1)],
  ['every byte', bytesOf(256, (index) => index)],
  ['more than a block', bytesOf(1_000_000, (index) => (random() & 3) + (index >> 12))],
  ['lengths of runs around the counts', runs([1, 2, 3, 4, 5, 254, 255, 256, 258, 259, 260, 263, 518, 519])],
];

/** Made by Python's bz2.compress. */
const fromPython: readonly [string, Uint8Array][] = [
  ['QlpoORdyRThQkAAAAAA=', new Uint8Array(0)],
  ['QlpoOTFBWSZTWRkxZT0AAACBAAJEoAAhmmgzTQczi7kinChIDJiynoA=', Buffer.from('hello')],
  ['QlpoOTFBWSZTWUncT2MAAAGBAaAAAIAACCAAIKptQZi6g8XckU4UJBJ3E9jA', Buffer.from('a'.repeat(1000))],
];

suite('bzip2', () => {
  for (const [what, bytes] of samples) {
    test(`${what} comes back`, () => {
      assert.deepEqual(decompressBzip2(compressBzip2(bytes), limit), new Uint8Array(bytes));
    });
  }

  for (const [base64, bytes] of fromPython) {
    test(`reads what Python wrote: ${bytes.length} bytes`, () => {
      assert.deepEqual(decompressBzip2(Buffer.from(base64, 'base64'), limit), new Uint8Array(bytes));
    });
  }

  test('makes text smaller, and noise hardly larger', () => {
    const words = Buffer.from(Array.from({ length: 20_000 }, () => `word${random() % 100}`).join(' '));
    assert.ok(compressBzip2(words).length < words.length / 5);
    const noise = bytesOf(200_000, () => random() & 0xff);
    assert.ok(compressBzip2(noise).length < noise.length * 1.01);
  });
});

suite('bzip2 data that is not right', () => {
  const bytes = Buffer.from('hello hello hello '.repeat(20));
  const compressed = compressBzip2(bytes);

  test('cut anywhere', () => {
    for (let length = 0; length < compressed.length; length++) {
      assert.throws(() => decompressBzip2(compressed.subarray(0, length), limit), Error, `${length} bytes`);
    }
  });

  test('with any bit flipped, but for those after the end', () => {
    for (let bit = 0; bit < compressed.length * 8; bit++) {
      const damaged = Uint8Array.from(compressed);
      damaged[bit >> 3]! ^= 0x80 >> (bit & 7);
      let result: Uint8Array;
      try {
        result = decompressBzip2(damaged, limit);
      } catch {
        continue;
      }
      assert.deepEqual(result, new Uint8Array(bytes), `bit ${bit}`);
    }
  });

  test('followed by more', () => {
    const more = Buffer.concat([compressed, compressed]);
    assert.throws(() => decompressBzip2(more, limit), {
      message: `its end is followed by ${compressed.length} bytes`,
    });
  });

  test('larger than the limit', () => {
    assert.equal(decompressBzip2(compressed, bytes.length).length, bytes.length);
    const expected = { message: `it is larger than ${bytes.length - 1} bytes` };
    assert.throws(() => decompressBzip2(compressed, bytes.length - 1), expected);
  });

  test('whose code lengths go up and down without end', () => {
    const bits = new BitWriter();
    bits.write(1, 5);
    for (let count = 0; count < 11; count++) bits.write(0b1011, 4);
    bits.write(0, 1);
    assert.throws(() => readCodeLengths(new BitReader(bits.finish()), 1), { message: 'a block is damaged' });
  });

  test('something else', () => {
    assert.throws(() => decompressBzip2(Buffer.from('hello'), limit), { message: 'it is not bzip2' });
  });
});

/** Runs of one byte after another, of these lengths. */
function runs(lengths: readonly number[]): Uint8Array {
  return Uint8Array.from(lengths.flatMap((length, index) => Array<number>(length).fill(index)));
}

/** The same numbers in every run of the tests. */
function xorshift(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
