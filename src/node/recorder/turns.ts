import type { AsyncLocalStorage } from 'node:async_hooks';
import { requiredBuiltin } from '../../base/builtin.ts';
import { inNextTurn } from '../../base/next-turn.ts';
import type { AddInput, Input, Turn } from './tape.ts';

export interface TurnsOptions {
  /** Gives an input to the node. */
  readonly perform: (input: Input) => void;
  /** Called when a turn is over: nothing is left to do without a further input. */
  readonly onClosed: (turn: Turn) => void;
}

/**
 * Where code runs. `'between turns'` means that it began in a turn, and then waited for something that is not an input.
 */
export type Whereabouts = 'in a turn' | 'between turns' | 'outside';

/**
 * Lets a node work in turns. Each turn has one input, and lasts until everything that follows from it without a further
 * input is done: microtasks, promises, and whatever these cause. So the inputs alone decide what the node does.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #storage: AsyncLocalStorage<true>;
  readonly #waiting: (() => Input | undefined)[] = [];
  /** Functions that settle promises of code outside. They are called when no turn is open. */
  readonly #settling: (() => void)[] = [];
  #isScheduled = false;
  #open: Turn | undefined;
  /** Whether the open turn consists of calls, and no microtask has run in it yet. */
  #takesCalls = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
    const { AsyncLocalStorage: Storage } = requiredBuiltin('node:async_hooks', 'A recorder');
    this.#storage = new Storage();
  }

  get open(): Turn | undefined {
    return this.#open;
  }

  get whereabouts(): Whereabouts {
    if (this.#storage.getStore() === undefined) return 'outside';
    return this.#open === undefined ? 'between turns' : 'in a turn';
  }

  /** Adds an input, which has a turn of its own, later and in order. */
  readonly add: AddInput = (take) => {
    this.#waiting.push(take);
    this.#schedule();
  };

  /** Calls a function later, when no turn is open. */
  afterwards(settle: () => void): void {
    this.#settling.push(settle);
    if (this.#open === undefined) inNextTurn(() => this.#settle());
  }

  /**
   * Makes a call immediately. It begins a turn, or joins the turn of the calls that were made just before.
   *
   * @returns false if another turn is under way, which cannot include the call.
   */
  callNow(input: Input, call: () => void): boolean {
    if (this.#open === undefined) {
      this.#takesCalls = true;
      this.#begin(input, () => {
        // This microtask runs before all others that the call queues.
        queueMicrotask(() => {
          this.#takesCalls = false;
        });
        call();
      });
      return true;
    }
    if (!this.#takesCalls) return false;
    this.#open.inputs.push(input);
    this.#storage.run(true, call);
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    inNextTurn(() => this.#next());
  }

  #next(): void {
    this.#isScheduled = false;
    const input = this.#waiting.shift()?.();
    if (input !== undefined) this.#begin(input, () => this.#options.perform(input));
    this.#schedule();
  }

  #begin(input: Input, work: () => void): void {
    const turn: Turn = { inputs: [input], taken: {}, out: [] };
    this.#open = turn;
    onceNothingIsLeft(() => this.#close(turn));
    this.#storage.run(true, work);
  }

  #close(turn: Turn): void {
    this.#open = undefined;
    this.#options.onClosed(turn);
    this.#settle();
  }

  #settle(): void {
    if (this.#open !== undefined) return;
    for (const settle of this.#settling.splice(0)) settle();
  }
}

/**
 * Calls a function when no microtask is left: Node.js runs a callback of `nextTick` that was added in a microtask after
 * all microtasks.
 */
export function onceNothingIsLeft(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}

/** Checks that this is Node.js, because other runtimes order their work differently. @throws TypeError if it is not. */
export function checkRunsOnNode(what: string): void {
  const { versions } = globalThis.process ?? {};
  if (versions?.node === undefined || 'deno' in versions || 'bun' in versions)
    throw new TypeError(`${what} needs Node.js`);
}
