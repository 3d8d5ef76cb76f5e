import type { Duplex } from 'node:stream';
import { errorOf } from '../../base/arguments.ts';
import { LoopTurns } from '../../base/loop-turns.ts';
import type { Runtime } from '../../base/runtime.ts';
import { guarded, readInto } from './read-into.ts';

/**
 * A link that has read for this long stops reading until its next turn. If it has read nothing for this long, its time
 * starts anew. Whether the event loop has turned in between is unknown: finding out would take a timer in each turn.
 */
const shareMs = 5;

/** What TLS has decrypted by then is still delivered, until this much time has passed in total. */
const maxBurstMs = 10;

/** The clock is read once for this many bytes: reading it for each small message would cost too much. */
const untimedBytes = 4_096;

/** Each piece counts as this many bytes more, so that tiny pieces are timed too. */
const pieceBytes = 512;

export interface Reading {
  readonly runtime: Runtime;
  /** Receives what arrives. If it throws, the socket ends with that error. */
  readonly deliver: (bytes: Uint8Array) => void;
  /** See `Link.readTarget`. */
  readonly target: () => Uint8Array | undefined;
}

/**
 * Reads a socket in fair turns. Node.js reads up to 2 MiB from a socket before it turns to the next one, and TLS
 * delivers each record by itself, so tiny records would delay all other connections for seconds.
 *
 *    reading ──(has read for 5 ms)──► waiting for a turn ──► delivers what is held ──(nothing is left)──► reading
 *
 * TLS delivers up to 64 KiB more after reading has stopped. Large records are passed on, which is cheaper than holding
 * them. Tiny ones take long, so after 10 ms they are held until the link's turn. After `pause`, all are held.
 */
export class FairReader {
  readonly #socket: Duplex;
  readonly #runtime: Runtime;
  readonly #turns: LoopTurns;
  readonly #deliver: (bytes: Uint8Array) => void;
  /** Bytes read since the clock was last read, plus the surcharge for each piece. */
  #unseenBytes = 0;
  /** When the present reading began, and when the clock was last read. */
  #burstBeganAtMs: number;
  #readAtMs: number;
  #isWaiting = false;
  #isPaused = false;
  #isDropping = false;
  #held: Uint8Array[] = [];
  #onEmpty: (() => void) | undefined;

  /** Starts reading. What arrived before is still in the socket. */
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

  /** Reads and drops everything that arrives from now on. */
  drop(): void {
    this.#isDropping = true;
    this.#isWaiting = this.#isPaused = false;
    this.#turns.cancel(this.#goOn);
    this.#held = [];
    if (!this.#socket.destroyed) this.#socket.resume();
    this.#reportEmpty();
  }

  /** Calls back when nothing is held, perhaps immediately. */
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
    // If small pieces arrived in between, the time may not have been spent on them.
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
