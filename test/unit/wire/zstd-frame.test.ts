import assert from 'node:assert/strict';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { checkZstdEnd } from '../../../src/wire/compression/zstd-frame.ts';

const magic = [0x28, 0xb5, 0x2f, 0xfd];
const rawBlock = [4 << 3, 0, 0, 1, 2, 3, 4];
const repeatedByteBlock = [(3 << 3) | 2, 0, 0, 9];
const lastBlock = [(1 << 3) | 1, 0, 0, 5];

/** The bytes of the head after the magic number, for each descriptor: flags, window, dictionary, content size. */
const heads = {
  'a window': [0x00, 0x58],
  'a window and a checksum': [0x04, 0x58],
  'a dictionary of 4 bytes': [0x03, 0x58, 0, 0, 0, 0],
  'a single segment of 8 bytes': [0x20, 8],
  'a single segment, its size in 2 bytes': [0x60, 8, 0],
  'a single segment, its size in 8 bytes': [0xe0, 8, 0, 0, 0, 0, 0, 0, 0],
};

for (const [name, head] of Object.entries(heads)) {
  test(`a frame with ${name} ends where its last block ends`, () => {
    const checksum = (head[0]! & 4) === 0 ? [] : [0, 0, 0, 0];
    const frame = Uint8Array.of(
      ...magic,
      ...head,
      ...rawBlock,
      ...repeatedByteBlock,
      ...lastBlock,
      ...checksum,
    );
    checkZstdEnd(frame);
    for (let end = 0; end < frame.length; end++) {
      assert.throws(() => checkZstdEnd(frame.subarray(0, end)), /cut short/);
    }
    assert.throws(() => checkZstdEnd(Uint8Array.of(...frame, 0, 0)), /followed by 2 bytes/);
  });
}

test('the frame made by hand is one that zstd reads', () => {
  const frame = Uint8Array.of(
    ...magic,
    ...heads['a window'],
    ...rawBlock,
    ...repeatedByteBlock,
    ...lastBlock,
  );
  assert.deepEqual([...zlib.zstdDecompressSync(frame)], [1, 2, 3, 4, 9, 9, 9, 5]);
});
