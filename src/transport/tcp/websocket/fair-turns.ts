import { LoopTurns } from '../../../base/loop-turns.ts';
import type { Runtime } from '../../../base/runtime.ts';

/** A socket that has delivered messages for this long stops reading until its next turn. */
const shareMs = 5;

/** The clock is read once for this many bytes, because reading it for each small message would cost too much. */
const untimedBytes = 4_096;

/** Each message counts as this many bytes more, so that tiny messages are timed too. */
const messageBytes = 512;

export interface FairSource {
  /** The source that is paused between turns. */
  readonly source: { pause(): void; resume(): void };
  readonly runtime: Runtime;
  readonly deliver: (message: Uint8Array) => void;
}

/**
 * Delivers the messages of a WebSocket in fair turns. Node.js reads pieces of 64 KiB, which can hold two thousand tiny
 * records, and reads up to 2 MiB before it turns to the next socket.
 *
 *    reading ──(has taken 5 ms)──► holds the rest, waits for a turn ──► delivers what is held ──(nothing is left)──► reading
 */
export class FairTurns {
  readonly #source: FairSource['source'];
  readonly #runtime: Runtime;
  readonly #deliver: FairSource['deliver'];
  readonly #turns: LoopTurns;
  #held: Uint8Array[] = [];
  #isWaiting = false;
  #isDropping = false;
  #untimedBytes = 0;
  /** The time that this turn took before the present piece; its start and end. */
  #spentMs = 0;
  #beganAtMs: number;
  #endedAtMs: number;
  #onEnd: (() => void) | undefined;

  constructor({ source, runtime, deliver }: FairSource) {
    this.#source = source;
    this.#runtime = runtime;
    this.#deliver = deliver;
    this.#turns = LoopTurns.of(runtime);
    this.#beganAtMs = this.#endedAtMs = runtime.now();
  }

  /** A piece was read. Its messages follow now. */
  begin(): void {
    this.#beganAtMs = this.#runtime.now();
    // After being idle for this long, its time starts anew.
    if (this.#beganAtMs - this.#endedAtMs >= shareMs) this.#spentMs = 0;
  }

  take(message: Uint8Array): void {
    if (this.#isDropping) return;
    if (this.#held.length > 0 || this.#isWaiting || this.#isShareSpent(message.length)) {
      this.#held.push(message);
      this.#wait();
    } else {
      this.#deliver(message);
    }
  }

  /** All messages of the piece were delivered or held. */
  pieceRead(): void {
    this.#stopTiming();
    if (this.#spentMs >= shareMs) this.#wait();
  }

  /** Nothing more arrives. Calls back when nothing is held, perhaps immediately. */
  end(onEnd: () => void): void {
    this.#onEnd = onEnd;
    if (this.#held.length === 0) this.#finish();
  }

  /** Stops delivering. */
  drop(): void {
    this.#isDropping = true;
    this.#held = [];
    this.#turns.cancel(this.#goOn);
    if (this.#onEnd !== undefined) this.#finish();
  }

  #isShareSpent(bytes: number): boolean {
    this.#untimedBytes += messageBytes + bytes;
    if (this.#untimedBytes < untimedBytes) return false;
    this.#untimedBytes = 0;
    return this.#spentMs + this.#runtime.now() - this.#beganAtMs >= shareMs;
  }

  #stopTiming(): void {
    this.#endedAtMs = this.#runtime.now();
    this.#spentMs += this.#endedAtMs - this.#beganAtMs;
    this.#beganAtMs = this.#endedAtMs;
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#source.pause();
    this.#turns.wait(this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#isWaiting = false;
    this.#spentMs = 0;
    this.#beganAtMs = this.#runtime.now();
    const held = this.#held;
    this.#held = [];
    let delivered = 0;
    while (delivered < held.length && !this.#isDropping && !this.#isShareSpent(held[delivered]!.length)) {
      this.#deliver(held[delivered++]!);
    }
    if (this.#isDropping) return;
    this.#stopTiming();
    this.#held = delivered === 0 ? held : held.slice(delivered);
    if (this.#held.length > 0) this.#wait();
    else if (this.#onEnd !== undefined) this.#finish();
    else this.#source.resume();
  };

  #finish(): void {
    this.#turns.cancel(this.#goOn);
    this.#onEnd!();
  }
}
