import { unzlibSync, zlibSync } from 'fflate';
import type { Pace } from '../../base/computing-pace.ts';
import { mostBytesAtOnce, tooLarge } from '../payloads/codec.ts';

const checksumBytes = 4;

/** In JavaScript, because `CompressionStream` cannot compress at once. */
export function compressZlib(body: Uint8Array): Uint8Array {
  return zlibSync(body);
}

/**
 * What a peer sent goes through `DecompressionStream`, which every browser has. Without threads, which is so on
 * virtual time and for what this node compressed itself, it is decompressed at once, in JavaScript.
 *
 * @throws Error when the data is damaged, cut, followed by more, or larger than `maxBytes`, as does the promise.
 */
export function decompressZlib(
  body: Uint8Array,
  maxBytes: number,
  pace: Pace | undefined,
): Uint8Array | Promise<Uint8Array> {
  return pace?.aside === undefined ? inflateAtOnce(body, maxBytes) : inflate(body, maxBytes, pace.pause);
}

function inflateAtOnce(body: Uint8Array, maxBytes: number): Uint8Array {
  // Cuts off what does not fit into this memory.
  const output = unzlibSync(body, { out: new Uint8Array(maxBytes + 1) });
  if (output.length > maxBytes) throw tooLarge(maxBytes);
  const checksum = new DataView(body.buffer, body.byteOffset + body.length - checksumBytes).getUint32(0);
  if (adler32(output) !== checksum) throw new Error('its checksum is wrong');
  return output.slice();
}

/**
 * Pieces go in one at a time: a browser keeps all that comes out of a piece, up to a thousand times as much, before
 * anybody can count it.
 */
async function inflate(body: Uint8Array, maxBytes: number, pause: Pace['pause']): Promise<Uint8Array> {
  const { readable, writable } = new DecompressionStream('deflate');
  const writer = writable.getWriter();
  const written = write(writer, body, pause);
  // The reader meets the same error. Without this one, the browser would report it as unhandled.
  written.catch(() => {});
  const reader = readable.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      const error = tooLarge(maxBytes);
      reader.cancel(error).catch(() => {});
      throw error;
    }
    pieces.push(value);
  }
  await written;
  return joined(pieces, length);
}

async function write(
  writer: WritableStreamDefaultWriter<BufferSource>,
  body: Uint8Array,
  pause: Pace['pause'],
): Promise<void> {
  try {
    for (let at = 0; at < body.length; at += mostBytesAtOnce) {
      await pause();
      await writer.write(body.slice(at, at + mostBytesAtOnce));
    }
    await writer.close();
  } catch (error) {
    // A pause fails when nobody wants the message any more.
    await writer.abort(error);
    throw error;
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const output = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    output.set(piece, at);
    at += piece.length;
  }
  return output;
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
