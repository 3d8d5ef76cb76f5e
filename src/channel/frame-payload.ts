import type { Decompress } from '../decompression-turns.ts';
import { decompress } from '../wire/compression.ts';
import { FrameKind, idBytes } from '../wire/frame.ts';
import type { Frame } from '../wire/frame-reader.ts';

/** What a frame holds behind its number, as it came. */
export function payloadOf({ kind, compression, body }: Frame): Uint8Array {
  if (kind === FrameKind.message) return body;
  const payload = body.subarray(idBytes);
  return kind === FrameKind.request && compression === 0 ? detached(payload) : payload;
}

/** How to decompress it. */
export function decompressionOf(frame: Frame, maxBytes: number): Decompress {
  return (pace) => decompress(payloadOf(frame), frame.compression, maxBytes, pace);
}

/** Many requests may be in hand at once: a small one must not keep all the memory that it arrived in. */
function detached(body: Uint8Array): Uint8Array {
  return 2 * body.length < body.buffer.byteLength ? body.slice() : body;
}
