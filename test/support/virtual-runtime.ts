import type { Runtime, RuntimeTimer } from '../../src/index.ts';
import { turn } from './turns.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** No test is about more than a day. */
const maxAdvanceMs = 24 * 3_600_000;

/** A clock that stands still until a test moves it; nodes with it need the memory transport. */
export class VirtualRuntime implements Runtime {
  /** Set to false, other threads may do a part of what is to be done, in real time. */
  isVirtual = true;
  /** What `random()` answers: full jitter becomes the bound that it is drawn below. */
  nextRandom: () => number = () => 1 - 2 ** -53;
  readonly #timers = new Set<Timer>();
  #now = 0;
  #order = 0;
  #drawn = 0;

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return 978_307_200_000 + this.#now; // from 2001-01-01
  }

  setTimeout(callback: () => void, delayMs: number): RuntimeTimer {
    if (!(delayMs >= 0)) throw new RangeError(`a delay of ${delayMs} ms`);
    const timer = { at: this.#now + delayMs, order: this.#order++, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  random(): number {
    return this.nextRandom();
  }

  randomBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, ++this.#drawn);
    return bytes;
  }

  /** When each timer is due, in milliseconds from now, the next one first. */
  get pending(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#now).sort((one, other) => one - other);
  }

  /** Moves the clock on as a computation would that takes so long: what falls due has to wait. */
  compute(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Moves the clock on and runs what falls due, with all that follows from it. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    while (await this.#runNext(end));
    this.#now = end;
  }

  /** Moves the clock as far as it takes. */
  async settle<Value>(value: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    value.then(settled, settled);
    const end = this.#now + maxAdvanceMs;
    for (;;) {
      await turn();
      if (isSettled) return value;
      if (!(await this.#runNext(end))) throw new Error('virtual time has run out, and it is not settled');
    }
  }

  async #runNext(end: number): Promise<boolean> {
    await turn();
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) {
        next = timer;
      }
    }
    if (next === undefined || next.at > end) return false;
    this.#timers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.callback();
    return true;
  }
}
