import { idBytes } from './frame.ts';

/** V8 keeps shorter arrays inside its heap, where a copy costs no more than a view. */
const cheapBytes = 64;

/** For longer payloads, separate memory is cheap compared with their other costs. */
const longestSharedBytes = 2048;

/** How many short payloads a connection may copy at once, and how many more each millisecond. */
const maxCopies = 16_384;
const copiesPerMs = 50;

/** Further short payloads share buffers of this size. */
const sharedBytes = 16 * 1024;

const nothing = new Uint8Array(0);
const { slice } = Uint8Array.prototype;

/** Copies some of the bytes. `Buffer.slice` would return a view. */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array<ArrayBuffer> {
  return slice.call(bytes, start, end);
}

/** Whether the bytes fill their whole buffer, except for the number of their frame. */
export function isAlone(bytes: Uint8Array): boolean {
  return bytes.buffer.byteLength - bytes.byteLength <= idBytes;
}

/** Returns the bytes themselves if they are alone in their buffer, otherwise a copy. */
export function alone(bytes: Uint8Array): Uint8Array {
  return isAlone(bytes) ? bytes : copyOf(bytes);
}

/**
 * Gives the bytes that a user receives memory of their own, which the user may keep, change or transfer.
 *
 * An ArrayBuffer costs V8 a quarter of a microsecond, more than all other work for a message of 100 bytes. So there is
 * one exception: if a connection brings more than 50,000 payloads of 65 to 2,048 bytes a second, further payloads share
 * memory with each other. That memory never holds a payload that has not reached the user.
 */
export class OwnMemory {
  #copiesLeft = maxCopies;
  #refilledAtMs = Number.NEGATIVE_INFINITY;
  #isArriving = false;

  /** The memory that payloads share: a copy of `#source` from `#from` on. */
  #shared = nothing;
  /** The buffer of `#shared`. Reading it from the array would take longer than everything else here. */
  #sharedMemory = nothing.buffer;
  #source: Uint8Array = nothing;
  #from = 0;
  /** All bytes that arrived together with the latest payload. */
  #neighbours: Uint8Array = nothing;

  /** Bytes have arrived. {@link OwnMemory.endArrival} follows once they were read. */
  beginArrival(nowMs: number): void {
    this.#isArriving = true;
    if (this.#copiesLeft < maxCopies) {
      const copies = this.#copiesLeft + (nowMs - this.#refilledAtMs) * copiesPerMs;
      this.#copiesLeft = Math.min(maxCopies, copies);
    }
    this.#refilledAtMs = nowMs;
  }

  /** Payloads taken from now on have waited; they share no memory. */
  endArrival(): void {
    this.#isArriving = false;
    this.#shared = this.#source = this.#neighbours = nothing;
    this.#sharedMemory = nothing.buffer;
  }

  /** Returns the payload in the arriving `bytes` from `start` to `end`, beside which other payloads may lie. */
  take(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
    const length = end - start;
    if (length <= cheapBytes || length > longestSharedBytes) return copyOf(bytes, start, end);
    if (this.#copiesLeft < 1) return this.#share(bytes, start, length);
    this.#copiesLeft -= 1;
    return copyOf(bytes, start, end);
  }

  /** The same for a payload that is already separate. It may be alone in its buffer, and may have waited. */
  takeWhole(payload: Uint8Array): Uint8Array {
    if (isAlone(payload)) return payload;
    if (!this.#isArriving) return copyOf(payload);
    const { buffer, byteOffset, byteLength } = payload;
    if (this.#neighbours.buffer !== buffer) this.#neighbours = new Uint8Array(buffer);
    return this.take(this.#neighbours, byteOffset, byteOffset + byteLength);
  }

  #share(bytes: Uint8Array, start: number, length: number): Uint8Array<ArrayBuffer> {
    let at = start - this.#from;
    // If a user has transferred the shared memory, its length is 0.
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
