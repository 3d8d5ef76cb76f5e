import { optionalBuiltin } from '../../../base/builtin.ts';

/** The checksum of zip files (ISO 3309). Node.js computes it if it can. */
export function crc32(bytes: Uint8Array): number {
  const native = optionalBuiltin('node:zlib')?.crc32;
  return native === undefined ? crc32ByTable(bytes) : native(bytes);
}

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let rest = index;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** The same in JavaScript, for browsers. */
export function crc32ByTable(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (let at = 0; at < bytes.length; at += 1) rest = table[(rest ^ bytes[at]!) & 0xff]! ^ (rest >>> 8);
  return ~rest >>> 0;
}
