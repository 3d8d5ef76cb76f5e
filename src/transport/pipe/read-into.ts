import type { Duplex } from 'node:stream';
import { errorOf } from '../../base/arguments.ts';

/** The internals of a socket with the option `onread`. */
interface Internals {
  [symbol: symbol]: unknown;
  readonly _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null;
}

/**
 * The memory for pieces without a target. It is used only during the call, so all sockets of the process can share it.
 */
const sharedBuffer = new Uint8Array(64 * 1024);

/**
 * Makes a socket read directly into the right memory, or else into memory that is reused, in place of a new `Buffer`
 * for each piece.
 *
 * Node.js offers this as the option `onread`, but only for sockets that dial. This function sets what that option sets.
 * If a version of Node.js differs, it returns false, and `'data'` events bring the bytes.
 *
 * Node.js calls both functions within its read callback, where an error ends the process. They must not throw;
 * {@link guarded} makes sure of that.
 */
export function readInto(
  socket: Duplex,
  onBytes: (bytes: Uint8Array) => void,
  target: () => Uint8Array | undefined,
): boolean {
  const internals = socket as unknown as Internals;
  const handle = internals._handle;
  const symbols = Object.getOwnPropertySymbols(socket);
  const [buffer, callback, generator] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.find(({ description }) => description === name),
  );
  if (buffer === undefined || callback === undefined || generator === undefined) return false;
  if (typeof handle?.useUserBuffer !== 'function') return false;
  internals[buffer] = sharedBuffer;
  internals[callback] = (length: number, memory: Uint8Array): boolean => {
    onBytes(memory.subarray(0, length));
    return true;
  };
  internals[generator] = () => {
    const memory = target();
    // If Node.js gets empty memory, it asks again immediately, and for ever.
    return memory === undefined || memory.length === 0 ? sharedBuffer : memory;
  };
  handle.useUserBuffer(sharedBuffer);
  return true;
}

/** Wraps a function: if it throws, the socket ends with that error. */
export function guarded<Argument, Result>(
  socket: Duplex,
  work: (argument: Argument) => Result,
): (argument: Argument) => Result | undefined {
  return (argument) => {
    try {
      return work(argument);
    } catch (error) {
      socket.destroy(errorOf(error));
      return undefined;
    }
  };
}
