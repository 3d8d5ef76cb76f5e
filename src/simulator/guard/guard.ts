import { isBlinding } from '../../base/blinded.ts';
import type { Surroundings } from '../step-through.ts';
import { guardGlobals } from './guarded-globals.ts';
import { OutsideWork } from './outside-work.ts';

/** Called with what user code used although the seed does not decide it. */
export type Complaint = (problem: string, cause: Error) => void;

/** The guard of the world whose nodes are working now. */
let active: Guard | undefined;
/** How many worlds run. At most one of them is active. */
let running = 0;
let freeGlobals = (): void => {};
const outside = new OutsideWork(() => active !== undefined);

/**
 * Finds code that leaves a world while its nodes work: it uses the system's time, random numbers or timers, or threads,
 * files and sockets. Between the steps of the world, the rest of the process is not restricted.
 */
export class Guard implements Surroundings {
  readonly #onComplaint: Complaint;

  constructor(onComplaint: Complaint) {
    this.#onComplaint = onComplaint;
  }

  /** Guards everything that the world does while `run` runs. */
  async around<Result>(run: () => Promise<Result>): Promise<Result> {
    begin();
    try {
      return await run();
    } finally {
      end();
    }
  }

  /** Guards everything that `act` does. */
  during<Result>(act: () => Result): Result {
    const before = active;
    begin();
    this.enter();
    try {
      return act();
    } finally {
      this.leave();
      active = before;
      end();
    }
  }

  enter(): void {
    active = this;
  }

  leave(): void {
    for (const type of outside.takeLeft()) this.#reportOutside(type);
    active = undefined;
  }

  /** @throws Error always, so that the handler that used the global fails too. */
  complainOfGlobal(what: string, instead: string): void {
    const problem = `${what} is not decided by the seed: use ${instead} in its place`;
    const error = new Error(problem);
    this.#onComplaint(problem, error);
    throw error;
  }

  #reportOutside(type: string): void {
    const problem = `work left for a thread, a timer or I/O of its own (${type}): the seed does not decide when it ends`;
    this.#onComplaint(problem, new Error(problem));
  }
}

function begin(): void {
  running += 1;
  if (running > 1) return;
  freeGlobals = guardGlobals((what, instead) => {
    if (!isBlinding()) active?.complainOfGlobal(what, instead);
  });
  outside.start();
}

function end(): void {
  running -= 1;
  if (running > 0) return;
  freeGlobals();
  outside.stop();
}
