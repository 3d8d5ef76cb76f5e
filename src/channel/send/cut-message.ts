import {
  FrameFlag,
  FrameKind,
  frameHeaderBytes,
  idBytes,
  totalBytes,
  writeFrameHeader,
  writeUint32,
} from '../../wire/frames/frame.ts';
import { allocate } from '../../wire/frames/memory.ts';
import { SharedFrame } from './shared-frame.ts';

/** A message's data ready for the wire. */
export interface OutgoingPayload {
  readonly format: number;
  readonly compression: number;
  readonly body: Uint8Array;
  /** The message's frames, if they were made for many connections. */
  readonly shared?: readonly SharedFrame[] | undefined;
}

/** Frames are gathered in chunks of this size, each one write to the link. */
export const chunkBytes = 64 * 1024;

/** A message up to this size is not cut; it moves to the next chunk whole. */
export const maxUncutBytes = 16 * 1024;

/** The frames of a large message, which many connections share. `undefined` for a small message, which they copy. */
export function sharedFramesOf(payload: OutgoingPayload): readonly SharedFrame[] | undefined {
  if (payload.body.length <= maxUncutBytes) return undefined;
  const frames: SharedFrame[] = [];
  let taken = 0;
  do {
    const rest = payload.body.length - taken + frameHeaderBytes + totalBytes;
    const chunk = allocate(Math.min(chunkBytes, rest));
    const piece = { kind: FrameKind.message, payload, id: undefined, taken };
    const { filled, share } = writePiece(chunk, piece);
    frames.push(new SharedFrame(chunk.subarray(0, filled)));
    taken += share;
  } while (taken < payload.body.length);
  return frames;
}

/**
 * A connection's own first frame in place of the shared one, needed where the payload is not sent as a message. The
 * other frames are the same for all kinds.
 */
export function ownFirstFrame(
  shared: readonly SharedFrame[],
  { kind, payload, id }: { kind: number; payload: OutgoingPayload; id: number | undefined },
): Uint8Array {
  const frame = allocate(shared[0]!.bytes.length + (id === undefined ? 0 : idBytes));
  writePiece(frame, { kind, payload, id, taken: 0 });
  return frame;
}

interface Piece {
  readonly kind: number;
  readonly payload: OutgoingPayload;
  readonly id: number | undefined;
  /** Bytes of the body that earlier pieces carry. */
  readonly taken: number;
}

/** Writes one frame with as much of a message as fits. */
export function writePiece(
  target: Uint8Array,
  { kind, payload, id, taken }: Piece,
): { filled: number; share: number } {
  const { format, compression, body } = payload;
  const isFirst = taken === 0;
  const prefixBytes = isFirst && id !== undefined ? idBytes : 0;
  const isWhole = isFirst && frameHeaderBytes + prefixBytes + body.length <= target.length;
  const before = isFirst && !isWhole ? totalBytes + prefixBytes : prefixBytes;
  const share = Math.min(body.length - taken, target.length - frameHeaderBytes - before);
  writeFrameHeader(target, 0, {
    kind: isFirst ? kind : FrameKind.part,
    flags: taken + share < body.length ? FrameFlag.more : 0,
    format: isFirst ? format : 0,
    compression: isFirst ? compression : 0,
    length: before + share,
  });
  let at = frameHeaderBytes;
  if (isFirst && !isWhole) {
    writeUint32(target, at, prefixBytes + body.length);
    at += totalBytes;
  }
  if (prefixBytes > 0) writeUint32(target, at, id!);
  target.set(body.subarray(taken, taken + share), frameHeaderBytes + before);
  return { filled: frameHeaderBytes + before + share, share };
}
