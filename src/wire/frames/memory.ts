import { optionalBuiltin } from '../../base/builtin.ts';

interface NodeBuffer {
  allocUnsafeSlow(length: number): Uint8Array<ArrayBuffer>;
}

/**
 * Memory that is not cleared first, where the runtime can give such: whoever asks for it fills it whole
 * before handing it on.
 */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  const buffer = (globalThis as { Buffer?: NodeBuffer }).Buffer?.allocUnsafeSlow(length);
  return buffer === undefined ? new Uint8Array(length) : new Uint8Array(buffer.buffer, 0, length);
}

/** After so many bytes were handed out, V8 is asked to release the buffers that are no longer used. */
const handedOutBytes = 32 * 1024 * 1024;

let handedOut = 0;

/**
 * Counts memory that goes to the user, who is soon done with it. V8 gives back the buffers that it has found unused
 * when it next collects garbage, or is asked about its heap: asked now and then, it keeps half as much.
 */
export function handOut(bytes: number): void {
  handedOut += bytes;
  if (handedOut < handedOutBytes) return;
  handedOut = 0;
  optionalBuiltin('node:v8')?.getHeapStatistics();
}

/** Smaller memory costs the garbage collector less than it costs to give it back. */
const leastFreedBytes = 4 * 1024;

/**
 * Gives back memory that nobody uses any more, if the bytes fill it. Otherwise it would wait for the garbage collector,
 * whose full collections cost more than encrypting a record. The bytes have no length afterwards.
 */
export function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < leastFreedBytes || bytes.length !== buffer.byteLength) return;
  // Browsers of 2023 do not have it, nor do shared buffers.
  (buffer as Partial<ArrayBuffer>).transfer?.(0);
}

/** The pieces behind each other, in memory of their own. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = allocate(pieces.reduce((bytes, piece) => bytes + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
