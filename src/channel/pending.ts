import { checkOptions, checkSignal, checkTimeout } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/** How long a call waits for the other side. */
export interface WaitOptions {
  /** Milliseconds until `ERR_TIMEOUT`. `Infinity`: wait as long as the connection lasts. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** When it fires, the call fails with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

export const defaultWaitMs = 30_000;

interface Waiter<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: PeerloomError) => void;
  readonly timer: RuntimeTimer | undefined;
  readonly stopListening: (() => void) | undefined;
}

/** The questions of a connection that have no answer yet, by the number that pairs question and answer. */
export class PendingAnswers<Answer> {
  readonly #runtime: Runtime;
  readonly #waiters = new Map<number, Waiter<Answer>>();
  #lastId = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Calls `send` with a free number, and waits for the answer with that number.
   *
   * @throws at once, if nothing was sent: TypeError or RangeError, PeerloomError `ERR_ABORTED`, or the error of `send`.
   */
  ask(what: string, options: WaitOptions | undefined, send: (id: number) => void): Promise<Answer> {
    if (options !== undefined) checkWait(options);
    const timeoutMs = options?.timeoutMs ?? defaultWaitMs;
    const signal = options?.signal;
    if (signal?.aborted) throw aborted(what, signal);
    const id = this.#freeId();
    send(id);
    return new Promise((resolve, reject) => {
      const fail = (error: PeerloomError) => this.fail(id, error);
      const timer =
        timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : this.#runtime.setTimeout(
              () =>
                fail(
                  new PeerloomError(
                    'ERR_TIMEOUT',
                    `${what}: no answer within ${timeoutMs} ms; try again, or pass a larger timeoutMs`,
                  ),
                ),
              timeoutMs,
            );
      let stopListening: (() => void) | undefined;
      if (signal !== undefined) {
        const onAbort = () => fail(aborted(what, signal));
        signal.addEventListener('abort', onAbort, { once: true });
        stopListening = () => removeAbortListener(signal, onAbort);
      }
      this.#waiters.set(id, { resolve, reject, timer, stopListening });
    });
  }

  /** Ignores an answer that nobody waits for, such as a late one. */
  answer(id: number, answer: Answer): void {
    this.#take(id)?.resolve(answer);
  }

  /** Whether somebody waits for this answer. */
  has(id: number): boolean {
    return this.#waiters.has(id);
  }

  ids(): ReadonlySet<number> {
    return new Set(this.#waiters.keys());
  }

  fail(id: number, error: PeerloomError): void {
    this.#take(id)?.reject(error);
  }

  /**
   * @param reason called only if somebody waits, because an error's stack costs more than everything else here.
   * @param except the questions that keep waiting.
   */
  failAll(reason: () => PeerloomError, except?: ReadonlySet<number>): void {
    const ids = [...this.#waiters.keys()].filter((id) => !except?.has(id));
    if (ids.length === 0) return;
    const error = reason();
    for (const id of ids) this.fail(id, error);
  }

  #take(id: number): Waiter<Answer> | undefined {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return undefined;
    this.#waiters.delete(id);
    waiter.timer?.cancel();
    waiter.stopListening?.();
    return waiter;
  }

  #freeId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#waiters.has(this.#lastId));
    return this.#lastId;
  }
}

const waitNames = ['timeoutMs', 'signal'] as const satisfies readonly (keyof WaitOptions)[];

function checkWait(options: WaitOptions): void {
  checkOptions(options, waitNames);
  if (options.timeoutMs !== undefined) checkTimeout(options.timeoutMs);
  checkSignal(options.signal);
}

function aborted(what: string, signal: AbortSignal): PeerloomError {
  return new PeerloomError('ERR_ABORTED', `${what}: aborted by the signal`, { cause: signal.reason });
}
