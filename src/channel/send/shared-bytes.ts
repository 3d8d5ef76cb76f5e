import { type OutgoingPayload, sharedFramesOf } from './cut-message.ts';
import type { SharedFrame } from './shared-frame.ts';

const shared = new WeakMap<Uint8Array, readonly SharedFrame[]>();

/**
 * Lets all connections that send these bytes as a frame of a protocol keep one copy together. The copy lives as long as
 * `bytes`.
 */
export function shareBytes(bytes: Uint8Array): void {
  const frames = sharedFramesOf({ format: 0, compression: 0, body: bytes });
  if (frames !== undefined) shared.set(bytes, frames);
}

/** The shared frames of these bytes, if there are any. */
export function framesShared(bytes: Uint8Array): OutgoingPayload['shared'] {
  return shared.get(bytes);
}
