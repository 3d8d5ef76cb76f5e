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

/** A call that waits for its answer. */
export interface PendingCall<Answer> {
  /** The method that was called. */
  readonly what: string;
  readonly calledAtMs: number;
  readonly timeoutMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: PeerloomError) => void;
  readonly stopListening: (() => void) | undefined;
  /** Whether the answer has arrived but is still being read. */
  isAnswered: boolean;
}

/**
 * The calls of a connection that have no answer yet, by the number that pairs call and answer. One timer waits for the
 * earliest deadline, because a timer for each call would cost as much as everything else here.
 */
export class PendingAnswers<Answer> {
  readonly #runtime: Runtime;
  readonly #calls = new Map<number, PendingCall<Answer>>();
  #lastId = 0;
  #timer: RuntimeTimer | undefined;
  /** When the timer fires: never after the earliest deadline. */
  #firesAtMs = Number.POSITIVE_INFINITY;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Calls `send` with a free number, and waits for the answer with that number.
   *
   * @throws at once, if nothing was sent: TypeError or RangeError, PeerloomError `ERR_ABORTED`, or the error of `send`.
   */
  call(what: string, options: WaitOptions | undefined, send: (id: number) => void): Promise<Answer> {
    if (options !== undefined) checkWait(options);
    const signal = options?.signal;
    if (signal?.aborted) throw aborted(what, signal);
    const id = this.#freeId();
    send(id);
    const timeoutMs = options?.timeoutMs ?? defaultWaitMs;
    const calledAtMs = this.#runtime.now();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const stopListening = signal && this.#listen(id, what, signal);
    this.#calls.set(id, { what, calledAtMs, timeoutMs, resolve, reject, stopListening, isAnswered: false });
    if (calledAtMs + timeoutMs < this.#firesAtMs) this.#fireAt(calledAtMs + timeoutMs);
    return promise;
  }

  /** The call that waits for an answer with this number. */
  get(id: number): PendingCall<Answer> | undefined {
    return this.#calls.get(id);
  }

  /** Whether a call waits for an answer with this number. */
  has(id: number): boolean {
    return this.#calls.has(id);
  }

  /** All waiting calls, by number. */
  get calls(): ReadonlyMap<number, PendingCall<Answer>> {
    return this.#calls;
  }

  /** Resolves the waiting call. Ignores an answer without a waiting call, such as a late one. */
  answer(id: number, answer: Answer): void {
    this.#take(id)?.resolve(answer);
  }

  fail(id: number, error: PeerloomError): void {
    this.#take(id)?.reject(error);
  }

  /**
   * @param reason called only if a call waits, because an error's stack costs more than everything else here.
   * @param isMeant selects the calls that fail. The others keep waiting.
   */
  failAll(reason: () => PeerloomError, isMeant: (call: PendingCall<Answer>) => boolean = () => true): void {
    const meant = [...this.#calls].filter(([, call]) => isMeant(call));
    if (meant.length === 0) return;
    const error = reason();
    for (const [id] of meant) this.fail(id, error);
  }

  #listen(id: number, what: string, signal: AbortSignal): () => void {
    const onAbort = () => this.fail(id, aborted(what, signal));
    signal.addEventListener('abort', onAbort, { once: true });
    return () => removeAbortListener(signal, onAbort);
  }

  #take(id: number): PendingCall<Answer> | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) return undefined;
    this.#calls.delete(id);
    call.stopListening?.();
    if (this.#calls.size === 0) this.#fireAt(Number.POSITIVE_INFINITY);
    return call;
  }

  #fireAt(atMs: number): void {
    this.#timer?.cancel();
    this.#firesAtMs = atMs;
    this.#timer =
      atMs === Number.POSITIVE_INFINITY
        ? undefined
        : // To look through many calls may take longer than until then.
          this.#runtime.setTimeout(this.#endLate, Math.max(0, atMs - this.#runtime.now()));
  }

  /** Fails the calls that timed out, and waits for the next deadline. */
  readonly #endLate = (): void => {
    // A timer of the system may fire a little early.
    const nowMs = this.#runtime.now() + 1;
    let nextMs = Number.POSITIVE_INFINITY;
    const late: [id: number, call: PendingCall<Answer>][] = [];
    for (const [id, call] of this.#calls) {
      const deadlineMs = call.calledAtMs + call.timeoutMs;
      if (deadlineMs < nowMs) late.push([id, call]);
      else if (deadlineMs < nextMs) nextMs = deadlineMs;
    }
    this.#fireAt(nextMs);
    for (const [id, { what, timeoutMs }] of late) this.fail(id, timedOut(what, timeoutMs));
  };

  #freeId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#calls.has(this.#lastId));
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

function timedOut(what: string, timeoutMs: number): PeerloomError {
  const message = `${what}: no answer within ${timeoutMs} ms; try again, or pass a larger timeoutMs`;
  return new PeerloomError('ERR_TIMEOUT', message);
}
