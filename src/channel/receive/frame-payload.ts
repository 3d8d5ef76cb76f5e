import type { Decompress } from '../../base/decompression-turns.ts';
import { decompress } from '../../wire/compression/compression.ts';
import { FrameKind, idBytes } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';

/** What a frame holds behind its number, as it came. */
export function payloadOf({ kind, body }: Frame): Uint8Array {
  if (kind === FrameKind.message) return body;
  return body.subarray(idBytes);
}

/** How to decompress it. */
export function decompressionOf(frame: Frame, maxBytes: number): Decompress {
  return (pace) => decompress(payloadOf(frame), frame.compression, maxBytes, pace);
}
