import { LoopTurns } from '../../../base/loop-turns.ts';
import type { Runtime } from '../../../base/runtime.ts';

/** A socket that has taken messages for so long stops reading until its own turn. */
const shareMs = 5;

/** The clock is looked at once for so many bytes: a small message would feel its price. */
const untimedBytes = 4_096;

/** Each message counts for so much more than its bytes, so that tiny ones are timed too. */
const messageBytes = 512;

export interface FairSource {
  /** What is paused between its turns. */
  readonly source: { pause(): void; resume(): void };
  readonly runtime: Runtime;
  readonly deliver: (message: Uint8Array) => void;
}

/**
 * Delivers the messages of a WebSocket in fair turns. Node.js hands over pieces of 64 KiB, in which tiny records can be
 * two thousand, and reads up to 2 MiB before it looks at the next socket.
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
  /** What this turn has taken before the present piece, which began and ended then. */
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

  /** A piece was read, whose messages come now. */
  begin(): void {
    this.#beganAtMs = this.#runtime.now();
    // Idle for as long as that, it begins anew.
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

  /** All messages of the piece were taken. */
  pieceRead(): void {
    this.#stopTiming();
    if (this.#spentMs >= shareMs) this.#wait();
  }

  /** Nothing more comes: calls back, maybe at once, when nothing is held. */
  end(onEnd: () => void): void {
    this.#onEnd = onEnd;
    if (this.#held.length === 0) this.#finish();
  }

  /** Nothing is delivered any more. */
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
