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

/** An .xz stream, see src/wire/xz-size.ts, whose chunks begin all anew for a byte each; its checks are wrong. */
export function xzTables(chunks: number): Uint8Array {
  const headers = Buffer.from('/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj', 'base64');
  const chunk = Uint8Array.of(0xe0, 0, 0, 0, 5, 0x5d, 0, 0, 0, 0, 0, 0);
  const body = Buffer.concat([headers, Buffer.alloc(chunks * chunk.length, chunk), Uint8Array.of(0)]);
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
  const check = Buffer.alloc(8);
  const index = Uint8Array.of(0, 1, 1, 1, 0, 0, 0, 0);
  return Buffer.concat([padded, check, index, Buffer.alloc(12)]);
}
