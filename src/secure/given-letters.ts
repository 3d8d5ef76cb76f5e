import type { Runtime } from '../base/runtime.ts';

/** The letters that a neighbour was given to pass on, by their hashes, until it says whether it does. */
export class GivenLetters {
  readonly #runtime: Runtime;
  readonly #settleByHash = new Map<string, (isTaken: boolean) => void>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** @returns whether the neighbour passes the letter on. Without a word of it in this time, it does not. */
  wait(hash: string, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isTaken: boolean): void => {
        this.#settleByHash.delete(hash);
        timer.cancel();
        resolve(isTaken);
      };
      const timer = this.#runtime.setTimeout(() => settle(false), timeoutMs);
      this.#settleByHash.set(hash, settle);
    });
  }

  /** The neighbour passes a letter on, or has answered it. */
  taken(hash: string): void {
    this.#settleByHash.get(hash)?.(true);
  }

  /** The connection has closed: the neighbour passes none of them on. */
  close(): void {
    for (const settle of [...this.#settleByHash.values()]) settle(false);
  }
}
