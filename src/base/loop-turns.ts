import type { Runtime } from './runtime.ts';
import { Serial } from './serial.ts';

const turnsOfRuntimes = new WeakMap<Runtime, LoopTurns>();

/**
 * A queue for work that has used up its share of a turn of the event loop: links that have read for long, and peers
 * whose messages took long to prove. In each turn, one of them continues. So short work never waits for more than one
 * of them, however long the queue is.
 */
export class LoopTurns {
  /** A queue for work that needs much memory until it is done: one piece at a time. */
  readonly oneByOne = new Serial();
  readonly #runtime: Runtime;
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<() => void>();
  #isScheduled = false;
  #turn = 0;
  #isTurnWatched = false;

  /** Nodes that share an event loop share the queue. */
  static of(runtime: Runtime): LoopTurns {
    const turns = turnsOfRuntimes.get(runtime) ?? new LoopTurns(runtime);
    turnsOfRuntimes.set(runtime, turns);
    return turns;
  }

  private constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A number that is different in each turn of the event loop. */
  get turn(): number {
    if (!this.#isTurnWatched) {
      this.#isTurnWatched = true;
      this.#runtime.setTimeout(() => {
        this.#isTurnWatched = false;
        this.#turn += 1;
      }, 0);
    }
    return this.#turn;
  }

  /** Calls `goOn` once, in a later turn, when it is its turn. */
  wait(goOn: () => void): void {
    this.#waiting.add(goOn);
    this.#schedule();
  }

  /** Removes `goOn` from the queue. */
  cancel(goOn: () => void): void {
    this.#waiting.delete(goOn);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    this.#runtime.setTimeout(() => {
      this.#isScheduled = false;
      const [first] = this.#waiting;
      if (first !== undefined) {
        this.#waiting.delete(first);
        first();
      }
      this.#schedule();
    }, 0);
  }
}
