import { ComputingPace, minPauseMs, type Pace } from './computing-pace.ts';
import { PeerloomError } from './errors.ts';
import { LateMap } from './late-collections.ts';
import type { Runtime, RuntimeTimer } from './runtime.ts';

/** After decompressing this many bytes, decompression pauses for as long as that took. */
const decompressedPerTurnBytes = 1024 * 1024;

/** The pause is longer if decompression is fast, because garbage must not grow faster than it is collected. */
const decompressedBytesPerMs = 1024 * 1024;

/** Decompresses, at once or not. */
export type Decompress = (pace: Pace) => Uint8Array | Promise<Uint8Array>;

/** Returns the decompressed bytes, or throws the error of the decompression. */
export type Outcome = () => Uint8Array;

interface Waiting {
  go(): void;
  drop(): void;
}

/** A decompression that runs in steps, or in another thread. */
interface UnderWay {
  readonly asker: object;
  drop(): void;
}

/**
 * Limits decompression to half of a node's computing time, for all peers together: a few hundred bytes can take half a
 * second, and an attacker whose connection is limited soon opens another one. One message is decompressed at a time.
 * After each MiB and each 10 ms, decompression pauses for as long as it just ran in this thread. Connections that ask
 * meanwhile get their turns in the order of asking: one message and one response of each at a time.
 */
export class DecompressionTurns {
  readonly #runtime: Runtime;
  readonly #waiting = new LateMap<object, Waiting>();
  #underWay: UnderWay | undefined;
  #bytes = 0;
  #tookMs = 0;
  #freeAtMs = Number.NEGATIVE_INFINITY;
  /** Set only while an asker waits. */
  #timer: RuntimeTimer | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Whether a decompression would start at once. */
  get isFree(): boolean {
    return this.#waiting.size === 0 && this.#underWay === undefined && this.#isOver();
  }

  /**
   * Decompresses something and calls `conclude` with the outcome: now, or when it is the turn of `asker`. The asker
   * must not ask again until then.
   *
   * @returns the result of `conclude`, or a promise of it. The promise resolves to undefined after
   * {@link DecompressionTurns.cancel}.
   */
  run<Result>(
    asker: object,
    decompress: Decompress,
    conclude: (outcome: Outcome) => Result,
  ): Result | Promise<Awaited<Result> | undefined> {
    if (this.isFree) return this.#begin(asker, decompress, conclude);
    return new Promise((resolve, reject) => {
      const go = (): void => {
        try {
          resolve(this.#begin(asker, decompress, conclude) as Awaited<Result>);
        } catch (error) {
          // An error thrown in a timer would end the process.
          reject(error);
        }
      };
      this.#waiting.set(asker, { go, drop: () => resolve(undefined) });
      this.#wakeInTime();
    });
  }

  /** Drops everything that an asker waits for. */
  cancel(asker: object): void {
    this.#waiting.get(asker)?.drop();
    this.#waiting.delete(asker);
    if (this.#underWay?.asker === asker) this.#underWay.drop();
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #begin<Result>(
    asker: object,
    decompress: Decompress,
    conclude: (outcome: Outcome) => Result,
  ): Result | Promise<Awaited<Result> | undefined> {
    const pace = new ComputingPace(this.#runtime);
    const ended = (bytes: number, outcome: Outcome): Outcome => {
      this.#count(bytes, pace.tookMs);
      return outcome;
    };
    const succeeded = (plain: Uint8Array): Outcome => ended(plain.length, () => plain);
    const failed = (error: unknown): Outcome =>
      ended(costOf(error), () => {
        throw error;
      });
    let output: Uint8Array | Promise<Uint8Array>;
    try {
      output = decompress(pace);
    } catch (error) {
      return conclude(failed(error));
    }
    if (!(output instanceof Promise)) return conclude(succeeded(output));
    return this.#follow(asker, pace, output.then(succeeded, failed), conclude);
  }

  /** Others wait until it has ended, even if its result is no longer wanted, because a thread cannot be stopped. */
  #follow<Result>(
    asker: object,
    pace: ComputingPace,
    output: Promise<Outcome>,
    conclude: (outcome: Outcome) => Result,
  ): Promise<Awaited<Result> | undefined> {
    const dropped = Promise.withResolvers<undefined>();
    let isWanted = true;
    const drop = (): void => {
      isWanted = false;
      pace.stop();
      dropped.resolve(undefined);
    };
    this.#underWay = { asker, drop };
    const concluded = output.then((outcome) => {
      this.#underWay = undefined;
      this.#wakeInTime();
      return isWanted ? conclude(outcome) : undefined;
    });
    return Promise.race([concluded, dropped.promise]) as Promise<Awaited<Result> | undefined>;
  }

  #isOver(): boolean {
    return this.#runtime.now() >= this.#freeAtMs;
  }

  #count(bytes: number, tookMs: number): void {
    this.#bytes += bytes;
    this.#tookMs += tookMs;
    if (this.#bytes < decompressedPerTurnBytes && this.#tookMs < minPauseMs) return;
    const pauseMs = Math.max(this.#tookMs, this.#bytes / decompressedBytesPerMs);
    this.#freeAtMs = this.#runtime.now() + pauseMs;
    this.#bytes = 0;
    this.#tookMs = 0;
  }

  #wakeInTime(): void {
    if (this.#waiting.size === 0 || this.#underWay !== undefined) return;
    const delayMs = Math.max(0, this.#freeAtMs - this.#runtime.now());
    this.#timer ??= this.#runtime.setTimeout(() => this.#wake(), delayMs);
  }

  /** Starts one waiting decompression. Other work runs before the next. */
  #wake(): void {
    this.#timer = undefined;
    const [first] = this.#waiting;
    if (first !== undefined && this.#underWay === undefined && this.#isOver()) {
      this.#waiting.delete(first[0]);
      first[1].go();
    }
    this.#wakeInTime();
  }
}

/** The assumed cost of a failed decompression, whose size is unknown. */
function costOf(error: unknown): number {
  const isUnknown = error instanceof PeerloomError && error.code === 'ERR_COMPRESSION_UNAVAILABLE';
  return isUnknown ? 0 : decompressedPerTurnBytes;
}
