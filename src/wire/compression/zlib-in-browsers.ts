import { unzlibSync, zlibSync } from 'fflate';
import type { Pace } from '../../base/computing-pace.ts';
import { mostBytesAtOnce, tooLarge } from '../payloads/codec.ts';

const checksumBytes = 4;

/** Compresses in JavaScript, because `CompressionStream` is only asynchronous. */
export function compressZlib(body: Uint8Array): Uint8Array {
  return zlibSync(body);
}

/**
 * Decompresses a peer's data by `DecompressionStream`, which every browser has. On virtual time, and for data that this
 * node compressed itself, it decompresses synchronously in JavaScript.
 *
 * @throws Error, or rejects with it, if the data is damaged, cut, followed by more, or larger than `maxBytes`.
 */
export function decompressZlib(
  body: Uint8Array,
  maxBytes: number,
  pace: Pace | undefined,
): Uint8Array | Promise<Uint8Array> {
  return pace?.aside === undefined ? inflateAtOnce(body, maxBytes) : inflate(body, maxBytes, pace.pause);
}

function inflateAtOnce(body: Uint8Array, maxBytes: number): Uint8Array {
  // The library cuts off what does not fit into this memory.
  const output = unzlibSync(body, { out: new Uint8Array(maxBytes + 1) });
  if (output.length > maxBytes) throw tooLarge(maxBytes);
  const checksum = new DataView(body.buffer, body.byteOffset + body.length - checksumBytes).getUint32(0);
  if (adler32(output) !== checksum) throw new Error('its checksum is wrong');
  return output.slice();
}

/**
 * Writes one piece at a time. A browser buffers all output of a piece, up to a thousand times its size, before this
 * code can count it.
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
    // A pause rejects when the message is no longer wanted.
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
