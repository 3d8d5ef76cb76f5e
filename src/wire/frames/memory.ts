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

/** When so much was handed out, the memory of what is not used any more is asked for. */
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
