import { inNextTurn } from './next-turn.ts';

/** A timer of a {@link Runtime}. */
export interface RuntimeTimer {
  /** Keeps the callback from running. Does nothing if it has already run or was cancelled. */
  cancel(): void;
}

/**
 * The source of a node's time and randomness, so that a simulator can control both: with a seeded runtime on virtual
 * time, the same program runs the same way each time.
 */
export interface Runtime {
  /** Whether time passes only when all work is done. The node then uses no other threads. Default false. */
  readonly isVirtual?: boolean;
  /** Milliseconds since an arbitrary moment; never goes back. */
  now(): number;
  /**
   * The wall clock: milliseconds since 1970 (UTC), as `Date.now` returns. Unlike {@link Runtime.now} it may jump and go
   * back. Nodes use it only for times that other nodes or later runs read, such as those of a SecureNode's messages.
   */
  wallNow(): number;
  /**
   * Runs `callback` once, after at least `delayMs` milliseconds, and never before this call returns.
   *
   * @param purpose `'watching'` for a timer that a node sets again and again for as long as it runs, such as the one
   * that looks for silent peers. A simulation that waits until nothing is left to do does not wait for such timers.
   */
  setTimeout(callback: () => void, delayMs: number, purpose?: 'watching'): RuntimeTimer;
  /**
   * Returns a number of at least 0 and below 1, for jitter and sampling, never for secrets.
   *
   * @param purpose what the number is for. A seeded runtime may draw the numbers of each purpose separately, so that
   * one more number for one purpose changes nothing for the others.
   */
  random(purpose?: string): number;
  /**
   * Returns `length` bytes, at most 65,536, that do not repeat, for nonces and message ids, never for keys.
   *
   * @param purpose as in {@link Runtime.random}.
   */
  randomBytes(length: number, purpose?: string): Uint8Array;
  /**
   * For simulations only: bytes for keys that a seed decides, so that ids and signatures are the same in each run. A
   * runtime with this method must have `isVirtual: true`.
   *
   * Nothing is secret in such a simulation: anybody who knows the seed knows the keys of its nodes and of their vaults.
   * So `tcp()` refuses a node with such a runtime. Without this method, all keys come from the secure randomness of the
   * system, whatever the other methods return. `Identity.generate()`, identity files and the keys of TLS always come
   * from there.
   *
   * @param purpose as in {@link Runtime.random}.
   */
  secretBytes?(length: number, purpose?: string): Uint8Array;
  /**
   * For simulations only: opens an SQLite file, or creates it, on a disk that belongs to the simulation. A vault and a
   * history with a `path` then lie there. Without this method, they lie on the disks of the system. A runtime with this
   * method must have `isVirtual: true`.
   *
   * @returns a `DatabaseSync` of node:sqlite.
   */
  openDatabase?(path: string): unknown;
}

/** With a longer delay, timers of Node.js and browsers fire immediately. */
const maxTimerDelayMs = 2 ** 31 - 1;

/** The time and randomness of the system. Delays of more than 24.8 days, `Infinity` included, end after 24.8 days. */
export const systemRuntime: Runtime = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout(callback, delayMs) {
    if (delayMs === 0) return { cancel: inNextTurn(callback) };
    const timer = setTimeout(callback, Math.min(delayMs, maxTimerDelayMs));
    return { cancel: () => clearTimeout(timer) };
  },
  random: () => Math.random(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};
