import { optionalBuiltin } from './builtin.ts';

/** A run of handlers whose end a caller waits for. */
interface Run {
  readonly owner: WaitedHandlers;
  isOver: boolean;
}

/** The runs that the current code is part of, the outermost first. */
interface Context {
  run<Result>(runs: readonly Run[], action: () => Result): Result;
  getStore(): readonly Run[] | undefined;
}

/** Used in browsers, which lack AsyncLocalStorage. It recognises a handler only up to its first `await`. */
class SynchronousContext implements Context {
  #runs: readonly Run[] = [];

  run<Result>(runs: readonly Run[], action: () => Result): Result {
    const before = this.#runs;
    this.#runs = runs;
    try {
      return action();
    } finally {
      this.#runs = before;
    }
  }

  getStore(): readonly Run[] {
    return this.#runs;
  }
}

let context: Context | undefined;

function currentContext(): Context {
  if (context === undefined) {
    const AsyncLocalStorage = optionalBuiltin('node:async_hooks')?.AsyncLocalStorage;
    context = AsyncLocalStorage === undefined ? new SynchronousContext() : new AsyncLocalStorage();
  }
  return context;
}

/**
 * The handlers of one node that its `stop()`, or the end of a connection, waits for. Such a handler may itself call
 * `stop()`, and must not wait then for what waits for it.
 */
export class WaitedHandlers {
  /** Calls handlers and waits for them. */
  async run(call: () => unknown): Promise<void> {
    const run: Run = { owner: this, isOver: false };
    try {
      await currentContext().run([...this.#runs, run], call);
    } finally {
      run.isOver = true;
    }
  }

  /** Whether the caller is part of an awaited handler, also after an `await` (except in browsers). */
  get isCaller(): boolean {
    return this.#runs.some(({ owner, isOver }) => owner === this && !isOver);
  }

  get #runs(): readonly Run[] {
    return currentContext().getStore() ?? [];
  }
}
