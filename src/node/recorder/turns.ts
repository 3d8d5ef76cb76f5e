import type { AsyncLocalStorage } from 'node:async_hooks';
import { requiredBuiltin } from '../../base/builtin.ts';
import { inNextTurn } from '../../base/next-turn.ts';
import type { AddInput, Input, Turn } from './tape.ts';

export interface TurnsOptions {
  /** Does what an input asks for. */
  readonly perform: (input: Input) => void;
  /** The turn is over: nothing is left to do that needs no further input. */
  readonly onClosed: (turn: Turn) => void;
}

/** Where code runs: `'between turns'` is code that began in a turn, and waited for something else than an input. */
export type Whereabouts = 'in a turn' | 'between turns' | 'outside';

/**
 * Lets a node work in turns: each has one input, and lasts until all is done that follows from it without another input:
 * promises, microtasks, and what follows from them. So the inputs alone decide what the node does.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #storage: AsyncLocalStorage<true>;
  readonly #waiting: (() => Input | undefined)[] = [];
  /** What code outside waits for, settled when no turn is open. */
  readonly #settling: (() => void)[] = [];
  #isScheduled = false;
  #open: Turn | undefined;
  /** Whether the open turn is one of calls, and no microtask has run in it yet. */
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

  /** The input has a turn of its own, later and in order. */
  readonly add: AddInput = (take) => {
    this.#waiting.push(take);
    this.#schedule();
  };

  /** Calls back outside of all turns, with nothing open, later. */
  afterwards(settle: () => void): void {
    this.#settling.push(settle);
    if (this.#open === undefined) inNextTurn(() => this.#settle());
  }

  /**
   * Makes a call at once, which begins a turn, or joins the calls that were made just before.
   *
   * @returns false if it is in the middle of a turn, which has no place for it.
   */
  callNow(input: Input, call: () => void): boolean {
    if (this.#open === undefined) {
      this.#takesCalls = true;
      this.#begin(input, () => {
        // Runs before anything that the call leaves to do.
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

/** Node.js runs what `nextTick` is given in a microtask once no other microtask is left. */
export function onceNothingIsLeft(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}

/** Other runtimes order their work in other ways. @throws TypeError */
export function checkRunsOnNode(what: string): void {
  const { versions } = globalThis.process ?? {};
  if (versions?.node === undefined || 'deno' in versions || 'bun' in versions)
    throw new TypeError(`${what} needs Node.js`);
}
