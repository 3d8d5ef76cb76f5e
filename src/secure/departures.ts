import type { Runtime } from '../base/runtime.ts';
import { Serial } from '../base/serial.ts';
import type { Neighbour } from './neighbour.ts';

/** Milliseconds to wait for one neighbour. A neighbour that reads more slowly does not hold up the others. */
const patienceMs = 50;

/**
 * Sends large letters one after another: the next one leaves when the link has taken the previous one, or 50 ms later.
 * Writing and encrypting a letter of 4 MiB for many neighbours together would delay everything else that the node sends
 * for longer than any other request of a neighbour.
 */
export class Departures {
  readonly #runtime: Runtime;
  readonly #serial = new Serial();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Sends something large to a neighbour when it is its turn.
   *
   * @param send returns `undefined` if there is nothing left to send.
   * @returns what `send` returns. Rejects with what it throws.
   */
  run<Result>(
    neighbour: Pick<Neighbour, 'drained'>,
    send: () => Promise<Result> | undefined,
  ): Promise<Result | undefined> {
    return new Promise((resolve, reject) => {
      void this.#serial.run(async () => {
        try {
          const sent = send();
          resolve(sent);
          if (sent !== undefined) await this.#taken(neighbour);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #taken(neighbour: Pick<Neighbour, 'drained'>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#runtime.setTimeout(resolve, patienceMs);
      void neighbour.drained().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
