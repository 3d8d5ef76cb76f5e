import type { Pace } from '../../base/computing-pace.ts';
import { mostBytesAtOnce, tooLarge } from '../payloads/codec.ts';

type AtOnce = typeof import('./zlib-at-once.ts');

let atOnce: AtOnce | undefined;

/** Gives a page what works at once, so that it need not load it. */
export function provideZlib(provided: AtOnce): void {
  atOnce = provided;
}

/** Loads what compresses. If the page cannot load it, messages stay as they are, and the next one tries again. */
export async function loadZlib(): Promise<void> {
  try {
    atOnce ??= await import('./zlib-at-once.ts');
  } catch {}
}

/** Returns the body as it is, which a message then carries, until the page has loaded what compresses. */
export function compressZlib(body: Uint8Array): Uint8Array {
  if (atOnce !== undefined) return atOnce.compressAtOnce(body);
  void loadZlib();
  return body;
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
  return pace?.aside === undefined
    ? atOnce!.decompressAtOnce(body, maxBytes)
    : inflate(body, maxBytes, pace.pause);
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
