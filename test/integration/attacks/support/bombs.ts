import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, crc32, createBrotliCompress, deflateRawSync } from 'node:zlib';
import type { Compression } from '../../../../src/index.ts';
import { combineCrc } from '../../../../src/wire/compression/bzip2/format.ts';
import { compress } from '../../../../src/wire/compression/compression.ts';

const gibibyte = 2 ** 30;
const mebibyte = 2 ** 20;

/**
 * A mebibyte at most that unfolds to a gibibyte of zeros: a decoder that does not stop on its way would be seen by
 * anybody who looks at its memory. Most are one compressed piece again and again, which takes no time to make.
 */
export const bombs: Readonly<Record<Exclude<Compression, 'none'>, () => Uint8Array | Promise<Uint8Array>>> = {
  zlib: zlibBomb,
  brotli: brotliBomb,
  zstd: zstdBomb,
  bzip2: bzip2Bomb,
  lzma: xzBomb,
};

/** RFC 1950: header, deflated blocks, Adler-32, which of zeros knows but their number. */
function zlibBomb(): Uint8Array {
  const pieceBytes = 16 * mebibyte;
  const piece = deflateRawSync(Buffer.alloc(pieceBytes), { finishFlush: constants.Z_FULL_FLUSH });
  const lastBlock = Uint8Array.of(1, 0, 0, 0xff, 0xff);
  const adler = uint32Le(((gibibyte % 65_521) << 16) | 1).reverse();
  return Buffer.concat([Uint8Array.of(0x78, 0x9c), ...times(gibibyte / pieceBytes, piece), lastBlock, adler]);
}

function brotliBomb(): Promise<Buffer> {
  const pieceBytes = 4 * mebibyte;
  const pieces = Readable.from(times(gibibyte / pieceBytes, Buffer.alloc(pieceBytes)));
  const stream = createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  return buffer(pieces.pipe(stream));
}

/** RFC 8878: a frame with a window of 1 MiB and blocks of one repeated byte, 128 KiB each. */
function zstdBomb(): Uint8Array {
  const blockBytes = 128 * 1024;
  const block = (isLast: boolean): Buffer => {
    const head = (blockBytes << 3) | (1 << 1) | (isLast ? 1 : 0);
    return Buffer.concat([uint32Le(head).subarray(0, 3), Uint8Array.of(0)]);
  };
  const frameHead = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3);
  return Buffer.concat([frameHead, ...times(gibibyte / blockBytes - 1, block(false)), block(true)]);
}

function bzip2Bomb(): Uint8Array {
  const blockBytes = 16 * mebibyte;
  return bzip2OfBlocks(new Uint8Array(blockBytes), gibibyte / blockBytes);
}

/**
 * The same content, which fits into one block, again and again, compressed once. See src/wire/compression/bzip2/format.ts:
 * a block does not end at a byte, so that bits are put together here.
 */
export function bzip2OfBlocks(content: Uint8Array, count: number): Uint8Array {
  const one = [...compress(content, 'bzip2')].map((byte) => bitsOf(byte, 8)).join('');
  const headBits = 32;
  const endMark = bitsOf(0x177245, 24) + bitsOf(0x385090, 24);
  const end = one.lastIndexOf(endMark);
  const blockCrc = Number.parseInt(one.slice(headBits + 48, headBits + 80), 2);
  const crc = times(count, blockCrc).reduce(combineCrc, 0);
  const bits = one.slice(0, headBits) + one.slice(headBits, end).repeat(count) + endMark + bitsOf(crc, 32);
  return Uint8Array.from(bits.match(/.{1,8}/g)!, (byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
}

/** See src/wire/compression/xz-size.ts: header, equal blocks, an index that has the two sizes of each, footer. */
function xzBomb(): Uint8Array {
  const blockBytes = 4 * mebibyte;
  const one = Buffer.from(compress(new Uint8Array(blockBytes), 'lzma'));
  const footer = one.subarray(-12);
  const indexBytes = 4 * (footer.readUInt32LE(4) + 1);
  const index = one.subarray(-12 - indexBytes, -12);
  const block = one.subarray(12, -12 - indexBytes);
  let sizesEnd = 2;
  for (let integers = 0; integers < 2; sizesEnd++) if (index[sizesEnd]! < 0x80) integers++;
  const count = gibibyte / blockBytes;
  const countBytes = Uint8Array.of(0x80 | (count & 0x7f), count >> 7);
  const records = Buffer.concat([Uint8Array.of(0), countBytes, ...times(count, index.subarray(2, sizesEnd))]);
  const padded = Buffer.concat([records, Buffer.alloc((4 - (records.length % 4)) % 4)]);
  const tail = Buffer.concat([uint32Le((padded.length + 4) / 4 - 1), footer.subarray(8, 10)]);
  return Buffer.concat([
    one.subarray(0, 12),
    ...times(count, block),
    ...[padded, uint32Le(crc32(padded))],
    ...[uint32Le(crc32(tail)), tail, footer.subarray(10)],
  ]);
}

function times<Item>(count: number, item: Item): Item[] {
  return Array.from({ length: count }, () => item);
}

function bitsOf(value: number, count: number): string {
  return value.toString(2).padStart(count, '0');
}

function uint32Le(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
