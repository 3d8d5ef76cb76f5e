import type { Runtime } from '../base/runtime.ts';

/** The letters that a neighbour was asked to pass on, by their hashes, until it reports whether it does. */
export class GivenLetters {
  readonly #runtime: Runtime;
  readonly #settleByHash = new Map<string, (isTaken: boolean) => void>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** @returns whether the neighbour passes the letter on. False if it reports nothing in this time. */
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

  /** Called when the neighbour passes a letter on, or has answered it. */
  taken(hash: string): void {
    this.#settleByHash.get(hash)?.(true);
  }

  /** Called when the connection has closed, so that the neighbour passes on none of the letters. */
  close(): void {
    for (const settle of [...this.#settleByHash.values()]) settle(false);
  }
}
