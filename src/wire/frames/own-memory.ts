import { idBytes } from './frame.ts';

/** V8 keeps shorter arrays inside its heap, where a copy costs no more than a view. */
const cheapBytes = 64;

/** For longer payloads, the cost of memory of their own is small compared with their other costs. */
const longestSharedBytes = 2048;

/** How many short payloads a connection may copy at once, and how many more each millisecond. */
const maxCopies = 16_384;
const copiesPerMs = 50;

/** Further ones share pieces of memory of this size. */
const sharedBytes = 16 * 1024;

const nothing = new Uint8Array(0);
const { slice } = Uint8Array.prototype;

/** A copy of some of the bytes; the slice of a Buffer would be a view. */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array<ArrayBuffer> {
  return slice.call(bytes, start, end);
}

/** Whether bytes fill their whole buffer, except for the number of their frame. */
export function isAlone(bytes: Uint8Array): boolean {
  return bytes.buffer.byteLength - bytes.byteLength <= idBytes;
}

/** The same bytes if they are alone in their memory, else a copy. */
export function alone(bytes: Uint8Array): Uint8Array {
  return isAlone(bytes) ? bytes : copyOf(bytes);
}

/**
 * Gives the bytes that a user receives memory of their own, which the user may keep, change or transfer.
 *
 * An ArrayBuffer costs V8 a quarter of a microsecond, more than all else that happens to a message of 100 bytes. So
 * there is one exception: when a connection brings more than 50,000 payloads of 65 to 2,048 bytes a second, the
 * further ones share memory with each other. A payload that has not reached the user never lies in that memory.
 */
export class OwnMemory {
  #copiesLeft = maxCopies;
  #refilledAtMs = Number.NEGATIVE_INFINITY;
  #isArriving = false;

  /** What users share: a copy of `#source` from `#from` on. */
  #shared = nothing;
  /** The memory of that. Asking the array for it would take longer than all the rest. */
  #sharedMemory = nothing.buffer;
  #source: Uint8Array = nothing;
  #from = 0;
  /** All of the memory that the latest payload lay in. */
  #neighbours: Uint8Array = nothing;

  /** Bytes have arrived; {@link OwnMemory.endArrival} follows once they were read. */
  beginArrival(nowMs: number): void {
    this.#isArriving = true;
    if (this.#copiesLeft < maxCopies) {
      const copies = this.#copiesLeft + (nowMs - this.#refilledAtMs) * copiesPerMs;
      this.#copiesLeft = Math.min(maxCopies, copies);
    }
    this.#refilledAtMs = nowMs;
  }

  /** What is taken from now on has waited, and nothing is shared with it. */
  endArrival(): void {
    this.#isArriving = false;
    this.#shared = this.#source = this.#neighbours = nothing;
    this.#sharedMemory = nothing.buffer;
  }

  /** The payload that lies in arriving `bytes` from `start` to `end`, among others of the connection. */
  take(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
    const length = end - start;
    if (length <= cheapBytes || length > longestSharedBytes) return copyOf(bytes, start, end);
    if (this.#copiesLeft < 1) return this.#share(bytes, start, length);
    this.#copiesLeft -= 1;
    return copyOf(bytes, start, end);
  }

  /** The same for a payload that was cut out already. It may be alone in its memory, and may have waited. */
  takeWhole(payload: Uint8Array): Uint8Array {
    if (isAlone(payload)) return payload;
    if (!this.#isArriving) return copyOf(payload);
    const { buffer, byteOffset, byteLength } = payload;
    if (this.#neighbours.buffer !== buffer) this.#neighbours = new Uint8Array(buffer);
    return this.take(this.#neighbours, byteOffset, byteOffset + byteLength);
  }

  #share(bytes: Uint8Array, start: number, length: number): Uint8Array<ArrayBuffer> {
    let at = start - this.#from;
    // A user who has transferred it has left a length of 0.
    if (this.#source !== bytes || at < 0 || at + length > this.#shared.length) {
      this.#shared = copyOf(bytes, start, start + sharedBytes);
      this.#sharedMemory = this.#shared.buffer;
      this.#source = bytes;
      this.#from = start;
      at = 0;
    }
    return new Uint8Array(this.#sharedMemory, at, length);
  }
}
