import type { Duplex } from 'node:stream';
import { errorOf } from '../../base/arguments.ts';
import { LoopTurns } from '../../base/loop-turns.ts';
import type { Runtime } from '../../base/runtime.ts';
import { guarded, readInto } from './read-into.ts';

/** A link that has read for so long in one turn of the event loop stops reading until its own turn. */
const shareMs = 5;

/** What TLS has decrypted by then is delivered all the same, until so much time has passed in all. */
const maxBurstMs = 10;

/** A link that has read less in one turn does not look at the clock, whose price a small message would feel. */
const untimedBytes = 4_096;

/** Each piece counts for so much more than its bytes, so that tiny ones are timed too. */
const pieceBytes = 128;

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
 * hold them. Tiny ones take long, so from 10 ms on they are held until the link's turn.
 */
export class FairReader {
  readonly #socket: Duplex;
  readonly #runtime: Runtime;
  readonly #turns: LoopTurns;
  readonly #deliver: (bytes: Uint8Array) => void;
  /** The turn of the event loop in which it last read, and how much it has read in it, piece by piece. */
  #turn = -1;
  #turnBytes = 0;
  /** When the timed part of that turn's reading began. */
  #burstBeganAtMs: number | undefined;
  #readAtMs = 0;
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
    this.#deliver = deliver;
    const onBytes = (bytes: Uint8Array): void => this.#take(bytes);
    const guardedTarget = guarded(socket, () =>
      this.#held.length > 0 || this.#isDropping ? undefined : target(),
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
    this.#turns.leave(this.#goOn);
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
    if (this.#held.length > 0 || (this.#isWaiting && this.#burstMs >= maxBurstMs)) {
      this.#held.push(Uint8Array.prototype.slice.call(bytes));
      return;
    }
    if (!this.#isTimed(bytes.length)) {
      this.#deliverNow(bytes);
      return;
    }
    this.#deliverTimed(bytes);
    if (!this.#isWaiting && !this.#isDropping && this.#burstMs >= shareMs) this.#wait();
  }

  /** To know the turn takes a timer in each, so it is asked for only when so much was read since. */
  #isTimed(byteLength: number): boolean {
    this.#turnBytes += pieceBytes + byteLength;
    if (this.#turnBytes < untimedBytes) return false;
    const { turn } = this.#turns;
    if (turn !== this.#turn) this.#beginTurn(turn, pieceBytes + byteLength);
    return this.#turnBytes >= untimedBytes;
  }

  #beginTurn(turn: number, bytes: number): void {
    this.#turn = turn;
    this.#turnBytes = bytes;
    this.#burstBeganAtMs = undefined;
  }

  get #burstMs(): number {
    return this.#burstBeganAtMs === undefined ? 0 : this.#readAtMs - this.#burstBeganAtMs;
  }

  #deliverTimed(bytes: Uint8Array): void {
    this.#burstBeganAtMs ??= this.#runtime.now();
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
    this.#beginTurn(this.#turns.turn, untimedBytes);
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
