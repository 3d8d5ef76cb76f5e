import { type OutgoingPayload, sharedFramesOf } from './cut-message.ts';
import type { SharedFrame } from './shared-frame.ts';

const shared = new WeakMap<Uint8Array, readonly SharedFrame[]>();

/**
 * Has connections that send these bytes as a frame of a protocol keep one copy of them together. The copy lasts as long
 * as the bytes do.
 */
export function shareBytes(bytes: Uint8Array): void {
  const frames = sharedFramesOf({ format: 0, compression: 0, body: bytes });
  if (frames !== undefined) shared.set(bytes, frames);
}

/** The frames of bytes that are shared. */
export function framesShared(bytes: Uint8Array): OutgoingPayload['shared'] {
  return shared.get(bytes);
}
