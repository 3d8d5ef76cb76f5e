import type { Duplex } from 'node:stream';
import { errorOf } from '../../base/arguments.ts';
import { LoopTurns } from '../../base/loop-turns.ts';
import type { Runtime } from '../../base/runtime.ts';
import { guarded, readInto } from './read-into.ts';

/**
 * A link that has read for so long stops reading until its own turn, and begins anew when it has read nothing for so
 * long. In between the event loop may have turned or not: finding that out would take a timer in each turn.
 */
const shareMs = 5;

/** What TLS has decrypted by then is delivered all the same, until so much time has passed in all. */
const maxBurstMs = 10;

/** The clock is read once for this many bytes: reading it for each small message would cost too much. */
const untimedBytes = 4_096;

/** Each piece counts as this many bytes more, so that tiny pieces are timed too. */
const pieceBytes = 512;

export interface Reading {
  readonly runtime: Runtime;
  /** Takes what arrives. If it throws, the socket ends with that error. */
  readonly deliver: (bytes: Uint8Array) => void;
  /** See `Link.readTarget`. */
  readonly target: () => Uint8Array | undefined;
}

/**
 * Reads a socket in fair turns. Node.js reads up to 2 MiB from a socket before it looks at the next one, and TLS hands
 * over each record by itself, so tiny records would hold up all other connections for seconds.
 *
 *    reading ──(has read for 5 ms)──► waiting for a turn ──► delivers what is held ──(nothing is left)──► reading
 *
 * TLS hands over up to 64 KiB more after reading has stopped. Large records are delivered, which costs less than to
 * hold them. Tiny ones take long, so from 10 ms on they are held until the link's turn. All are held after `pause`.
 */
export class FairReader {
  readonly #socket: Duplex;
  readonly #runtime: Runtime;
  readonly #turns: LoopTurns;
  readonly #deliver: (bytes: Uint8Array) => void;
  /** What was read since the clock was last looked at, piece by piece. */
  #unseenBytes = 0;
  /** When the present reading began, and when the clock was last looked at. */
  #burstBeganAtMs: number;
  #readAtMs: number;
  #isWaiting = false;
  #isPaused = false;
  #isDropping = false;
  #held: Uint8Array[] = [];
  #onEmpty: (() => void) | undefined;

  /** Reading begins; what arrived before is still in the socket. */
  constructor(socket: Duplex, { runtime, deliver, target }: Reading) {
    this.#socket = socket;
    this.#runtime = runtime;
    this.#turns = LoopTurns.of(runtime);
    this.#burstBeganAtMs = this.#readAtMs = runtime.now();
    this.#deliver = deliver;
    const onBytes = (bytes: Uint8Array): void => this.#take(bytes);
    const guardedTarget = guarded(socket, () =>
      this.#held.length > 0 || this.#isPaused || this.#isDropping ? undefined : target(),
    );
    socket.pause();
    socket.on('data', onBytes);
    readInto(socket, onBytes, () => guardedTarget(undefined));
    socket.resume();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isWaiting) return;
    if (this.#held.length > 0) this.#wait();
    else this.#socket.resume();
  }

  /** From now on what arrives is read and dropped. */
  drop(): void {
    this.#isDropping = true;
    this.#isWaiting = this.#isPaused = false;
    this.#turns.cancel(this.#goOn);
    this.#held = [];
    if (!this.#socket.destroyed) this.#socket.resume();
    this.#reportEmpty();
  }

  /** Calls back, maybe at once, when nothing is held. */
  whenEmpty(callback: () => void): void {
    if (this.#held.length === 0) callback();
    else this.#onEmpty = callback;
  }

  #take(bytes: Uint8Array): void {
    if (this.#isDropping) return;
    const isLate = this.#isWaiting && this.#burstMs >= maxBurstMs;
    if (this.#held.length > 0 || this.#isPaused || isLate) {
      this.#held.push(Uint8Array.prototype.slice.call(bytes));
      return;
    }
    this.#unseenBytes += pieceBytes + bytes.length;
    if (this.#unseenBytes < untimedBytes) {
      this.#deliverNow(bytes);
      return;
    }
    // If small pieces came meanwhile, it is not known whether the time was spent on them.
    const isNext = this.#unseenBytes === pieceBytes + bytes.length;
    if (isNext && this.#runtime.now() - this.#readAtMs >= shareMs) this.#burstBeganAtMs = this.#runtime.now();
    this.#deliverTimed(bytes);
    if (!this.#isWaiting && !this.#isDropping && this.#burstMs >= shareMs) this.#wait();
  }

  get #burstMs(): number {
    return this.#readAtMs - this.#burstBeganAtMs;
  }

  #deliverTimed(bytes: Uint8Array): void {
    this.#unseenBytes = 0;
    this.#deliverNow(bytes);
    this.#readAtMs = this.#runtime.now();
  }

  #deliverNow(bytes: Uint8Array): void {
    try {
      this.#deliver(bytes);
    } catch (error) {
      this.drop();
      this.#socket.destroy(errorOf(error));
    }
  }

  #wait(): void {
    this.#isWaiting = true;
    this.#socket.pause();
    this.#turns.wait(this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#burstBeganAtMs = this.#readAtMs = this.#runtime.now();
    const held = this.#held;
    let delivered = 0;
    while (delivered < held.length && !this.#isPaused && !this.#isDropping) {
      this.#deliverTimed(held[delivered++]!);
      if (this.#burstMs >= shareMs) break;
    }
    if (this.#isDropping) return;
    held.splice(0, delivered);
    this.#isWaiting = held.length > 0 && !this.#isPaused;
    if (this.#isWaiting) this.#turns.wait(this.#goOn);
    if (held.length > 0) return;
    this.#reportEmpty();
    if (!this.#isPaused) this.#socket.resume();
  };

  #reportEmpty(): void {
    this.#onEmpty?.();
    this.#onEmpty = undefined;
  }
}
