/*
 * The bzip2 format, as compressor and decompressor share it:
 *
 *   'BZh' level   block*   end mark (48 bits)   CRC of the block CRCs (32)   zeros up to a byte
 *
 *   block: block mark (48)   CRC (32)   randomised (1)   origin (24)   bytes in use (16 + 16 for each used 16)
 *          tables (3)   selectors (15)   the selectors, moved to front, in unary
 *          each table: first length (5), then for each symbol steps '10' up or '11' down, ended by '0'
 *          the symbols, 50 for each selector
 *
 * Before this: runs of 4 to 255 + 4 equal bytes are cut to 4 and a count, the block is sorted (Burrows-Wheeler),
 * moved to front, and runs of zeros are counted in base 2 with the digits 1 and 2 (symbols runA and runB).
 */

export const signature = 0x425a68; // 'BZh'
export const blockMark = [0x314159, 0x265359] as const;
export const endMark = [0x177245, 0x385090] as const;

/** Bytes of a block for each level, after the first run-length step. */
export const levelBytes = 100_000;

/** Symbols that one selector decides about. */
export const groupSize = 50;
export const minTables = 2;
export const maxTables = 6;

export const runA = 0;
export const runB = 1;

/** The longest Huffman code that a stream may hold. */
export const maxCodeBits = 20;

/** A run is cut after this many equal bytes, which a count of further ones follows. */
export const runThreshold = 4;
export const maxRunCount = 255;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

/** CRC-32, most significant bit first, of the bytes from `start` to `end`. `before` is the CRC of the bytes before. */
export function blockCrc(bytes: Uint8Array, start: number, end: number, before = 0): number {
  let crc = ~before;
  for (let index = start; index < end; index++) {
    crc = (crc << 8) ^ crcTable[(crc >>> 24) ^ bytes[index]!]!;
  }
  return ~crc >>> 0;
}

/** Adds a block's CRC to the CRC of the whole stream. */
export function combineCrc(whole: number, block: number): number {
  return (((whole << 1) | (whole >>> 31)) ^ block) >>> 0;
}
