import { unzlibSync, zlibSync } from 'fflate';
import { tooLarge } from '../payloads/codec.ts';

// In JavaScript, because `CompressionStream` cannot compress at once. Pages load this with the first message that they
// compress.

const checksumBytes = 4;

export function compressAtOnce(body: Uint8Array): Uint8Array {
  return zlibSync(body);
}

/** @throws Error when the data is damaged, cut, followed by more, or larger than `maxBytes`. */
export function decompressAtOnce(body: Uint8Array, maxBytes: number): Uint8Array {
  // Cuts off what does not fit into this memory.
  const output = unzlibSync(body, { out: new Uint8Array(maxBytes + 1) });
  if (output.length > maxBytes) throw tooLarge(maxBytes);
  const checksum = new DataView(body.buffer, body.byteOffset + body.length - checksumBytes).getUint32(0);
  if (adler32(output) !== checksum) throw new Error('its checksum is wrong');
  return output.slice();
}

/** RFC 1950, section 8. */
function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (let at = 0; at < bytes.length; ) {
    // The sums stay below 2^53 for far longer.
    const end = Math.min(at + 4_096, bytes.length);
    for (; at < end; at++) {
      a += bytes[at]!;
      b += a;
    }
    a %= 65_521;
    b %= 65_521;
  }
  return b * 65_536 + a;
}
