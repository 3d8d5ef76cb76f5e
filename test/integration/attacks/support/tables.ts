import { BitWriter } from '../../../../src/wire/compression/bzip2/bits.ts';
import {
  blockCrc,
  blockMark,
  combineCrc,
  endMark,
  signature,
} from '../../../../src/wire/compression/bzip2/format.ts';

/*
 * Compressed data that takes long and gives next to nothing: all of it is about how the data would be compressed, if
 * there were any.
 */

/** RFC 1951: eight blocks with codes of their own, each of which holds its end alone. */
const eightEmptyBlocks = Buffer.from(
  '04c081000000000090ff6b100007020000000040feaf41001c080000000000f9bf060170200000000000e4ff1a' +
    '04c081000000000090ff6b100007020000000040feaf41001c080000000000f9bf060170200000000000e4ff1a',
  'hex',
);

/** A zlib stream of no more than so many bytes, of no data at all. */
export function zlibTables(bytes: number): Uint8Array {
  const lastBlock = Uint8Array.of(1, 0, 0, 0xff, 0xff);
  const adler = Uint8Array.of(0, 0, 0, 1);
  const blocks = Buffer.alloc(bytes - 11 - ((bytes - 11) % eightEmptyBlocks.length), eightEmptyBlocks);
  return Buffer.concat([Uint8Array.of(0x78, 0x9c), blocks, lastBlock, adler]);
}

/** An .xz stream, see src/wire/compression/xz-size.ts, whose chunks begin all anew for a byte each; its checks are wrong. */
export function xzTables(chunks: number): Uint8Array {
  const headers = Buffer.from('/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj', 'base64');
  const chunk = Uint8Array.of(0xe0, 0, 0, 0, 5, 0x5d, 0, 0, 0, 0, 0, 0);
  const body = Buffer.concat([headers, Buffer.alloc(chunks * chunk.length, chunk), Uint8Array.of(0)]);
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
  const check = Buffer.alloc(8);
  const index = Uint8Array.of(0, 1, 1, 1, 0, 0, 0, 0);
  return Buffer.concat([padded, check, index, Buffer.alloc(12)]);
}

/** A bzip2 stream, see src/wire/compression/bzip2/format.ts, of blocks of one zero byte with six tables for all bytes there are. */
export function bzip2Tables(blocks: number): Uint8Array {
  const bits = new BitWriter();
  const write = (...pairs: [value: number, count: number][]): void => {
    for (const [value, count] of pairs) bits.write(value, count);
  };
  const writeCrc = (crc: number): void => write([crc >>> 16, 16], [crc & 0xffff, 16]);
  const writeMark = (mark: readonly [number, number]): void => write([mark[0], 24], [mark[1], 24]);
  const crc = blockCrc(Uint8Array.of(0), 0, 1);
  let whole = 0;
  write([signature, 24], [0x39, 8]);
  for (let block = 0; block < blocks; block++) {
    writeMark(blockMark);
    writeCrc(crc);
    write([0, 1], [0, 24], [0xffff, 16]);
    for (let range = 0; range < 16; range++) write([0xffff, 16]);
    write([6, 3], [1, 15], [0, 1]);
    for (let table = 0; table < 6; table++) {
      write([9, 5]);
      for (let symbol = 0; symbol < 258; symbol++) write([0, 1]);
    }
    write([0, 9], [257, 9]);
    whole = combineCrc(whole, crc);
  }
  writeMark(endMark);
  writeCrc(whole);
  return bits.finish();
}
