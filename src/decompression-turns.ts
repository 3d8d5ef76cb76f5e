import type { PeerloomError } from './errors.ts';
import type { Runtime, RuntimeTimer } from './runtime.ts';

/** When so many bytes have been decompressed, everything else gets as much time as that took. */
const decompressedPerTurnBytes = 1024 * 1024;

/** It gets more where decompressing is fast: garbage must not grow faster than it is found and given back. */
const decompressedBytesPerMs = 1024 * 1024;

interface Waiting {
  readonly go: () => void;
  readonly drop: () => void;
}

/**
 * Keeps what all peers of a node send compressed to half of its time: a few hundred bytes can take half a second, and
 * a peer that may not go on is soon replaced by another. After each MiB nobody decompresses for as long as that took;
 * who wants to meanwhile goes in the order of asking, one message of each connection at a time.
 */
export class DecompressionTurns {
  readonly #runtime: Runtime;
  readonly #waiting = new Map<object, Waiting>();
  #bytes = 0;
  #tookMs = 0;
  #freeAtMs = Number.NEGATIVE_INFINITY;
  /** Only while somebody waits. */
  #timer: RuntimeTimer | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Nobody has to wait. */
  get isFree(): boolean {
    return this.#waiting.size === 0 && this.#isOver();
  }

  /** Decompresses at once, and counts what comes out. */
  count(decompress: () => Uint8Array): Uint8Array {
    const startedAtMs = this.#runtime.now();
    let bytes = decompressedPerTurnBytes; // of what fails: it may have been more
    try {
      const plain = decompress();
      bytes = plain.length;
      return plain;
    } catch (error) {
      if ((error as PeerloomError).code === 'ERR_COMPRESSION_UNAVAILABLE') bytes = 0;
      throw error;
    } finally {
      this.#bytes += bytes;
      this.#tookMs += this.#runtime.now() - startedAtMs;
      if (this.#bytes >= decompressedPerTurnBytes) this.#pause();
    }
  }

  /**
   * Does something that decompresses: now, or when it is the turn of `connection`, which asks for nothing more until
   * then.
   *
   * @returns a promise where it has to wait; of nothing, when the connection leaves meanwhile.
   */
  take<Result>(connection: object, action: () => Result): Result | Promise<Awaited<Result> | undefined> {
    if (this.isFree) return action();
    return new Promise((resolve) => {
      const go = (): void => resolve(action() as Awaited<Result>);
      this.#waiting.set(connection, { go, drop: () => resolve(undefined) });
      this.#timer ??= this.#wakeLater();
    });
  }

  /** Nothing of this connection is to be handled any more. */
  leave(connection: object): void {
    this.#waiting.get(connection)?.drop();
    this.#waiting.delete(connection);
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #isOver(): boolean {
    return this.#runtime.now() >= this.#freeAtMs;
  }

  #pause(): void {
    const pauseMs = Math.max(this.#tookMs, this.#bytes / decompressedBytesPerMs);
    this.#freeAtMs = this.#runtime.now() + pauseMs;
    this.#bytes = 0;
    this.#tookMs = 0;
  }

  #wakeLater(): RuntimeTimer {
    const delayMs = Math.max(0, this.#freeAtMs - this.#runtime.now());
    return this.#runtime.setTimeout(() => this.#wake(), delayMs);
  }

  /** One at a time, so that between two of them others are heard. */
  #wake(): void {
    this.#timer = undefined;
    if (this.#isOver()) {
      const [first] = this.#waiting;
      if (first !== undefined) {
        this.#waiting.delete(first[0]);
        first[1].go();
      }
    }
    if (this.#waiting.size > 0) this.#timer ??= this.#wakeLater();
  }
}
