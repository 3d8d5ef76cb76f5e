import type { Frame } from '../../wire/frames/frame-reader.ts';
import { allocate } from '../../wire/frames/memory.ts';

/** Small bodies are copied behind each other into blocks of this size; larger ones get memory of their own. */
const blockBytes = 16 * 1024;

const nothing = new Uint8Array(0);

/** A frame in a queue. */
export interface KeptFrame {
  frame: Frame;
}

/**
 * A waiting frame lies in the memory in which it arrived, together with frames that do not wait. A single byte could so
 * keep 256 KiB alive. This class copies the waiting frames of a piece of memory if they fill less than half of it.
 */
export class KeptBodies {
  #buffer: ArrayBufferLike | undefined;
  #frames: KeptFrame[] = [];
  #frameBytes = 0;
  #block: Uint8Array = nothing;
  #blockFilled = 0;

  /** Adds a waiting frame. If it lies in new memory, the frames in the previous memory are copied where that pays. */
  keep(kept: KeptFrame): void {
    const { body } = kept.frame;
    if (body.buffer !== this.#buffer) {
      this.#moveIfWorth();
      this.#buffer = body.buffer;
      this.#frames = [];
      this.#frameBytes = 0;
    }
    this.#frames.push(kept);
    this.#frameBytes += body.length;
  }

  /** No frame waits any more. */
  clear(): void {
    this.#buffer = undefined;
    this.#frames = [];
    this.#block = nothing;
    this.#blockFilled = 0;
  }

  #moveIfWorth(): void {
    if (this.#buffer === undefined || 2 * this.#frameBytes >= this.#buffer.byteLength) return;
    for (const kept of this.#frames) kept.frame = { ...kept.frame, body: this.#moved(kept.frame.body) };
  }

  #moved(body: Uint8Array): Uint8Array<ArrayBuffer> {
    const { length } = body;
    if (length > this.#block.length - this.#blockFilled) {
      if (length > blockBytes / 4) return place(allocate(length), body);
      this.#block = allocate(blockBytes);
      this.#blockFilled = 0;
    }
    const start = this.#blockFilled;
    this.#blockFilled += length;
    return place(new Uint8Array(this.#block.buffer as ArrayBuffer, start, length), body);
  }
}

function place(target: Uint8Array<ArrayBuffer>, body: Uint8Array): Uint8Array<ArrayBuffer> {
  target.set(body);
  return target;
}
