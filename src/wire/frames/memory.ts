import { optionalBuiltin } from '../../base/builtin.ts';

interface NodeBuffer {
  allocUnsafeSlow(length: number): Uint8Array<ArrayBuffer>;
}

/**
 * Allocates memory without clearing it, if the runtime can do so. The caller must fill all of it before passing it on.
 */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  const buffer = (globalThis as { Buffer?: NodeBuffer }).Buffer?.allocUnsafeSlow(length);
  return buffer === undefined ? new Uint8Array(length) : new Uint8Array(buffer.buffer, 0, length);
}

/** Each time this many bytes were handed out, V8 is made to release unused buffers. */
const handedOutBytes = 32 * 1024 * 1024;

let handedOut = 0;

/**
 * Counts memory that is handed to the user for a short time. V8 releases unused buffers at its next garbage collection,
 * or when it is asked about its heap. Asked now and then, it holds half as much memory.
 */
export function handOut(bytes: number): void {
  handedOut += bytes;
  if (handedOut < handedOutBytes) return;
  handedOut = 0;
  optionalBuiltin('node:v8')?.getHeapStatistics();
}

/** Releasing smaller memory costs more than leaving it to the garbage collector. */
const leastFreedBytes = 4 * 1024;

/**
 * Releases memory that is no longer used, if the bytes fill their buffer. Otherwise it would wait for the garbage
 * collector, whose full collections cost more than encrypting a record. The array is empty afterwards.
 */
export function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < leastFreedBytes || bytes.length !== buffer.byteLength) return;
  // Browsers of 2023 and shared buffers lack this method.
  (buffer as Partial<ArrayBuffer>).transfer?.(0);
}

/** Concatenates the pieces into new memory. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = allocate(pieces.reduce((bytes, piece) => bytes + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
