import { removeAbortListener } from '../../base/remove-abort-listener.ts';
import type { Runtime } from '../../base/runtime.ts';

/** RFC 8305, section 8: the recommended Connection Attempt Delay. */
const attemptDelayMs = 250;

export interface StaggeredAttempts<Candidate, Result> {
  readonly candidates: readonly Candidate[];
  /** Tries one candidate. Rejects when the signal fires. */
  readonly attempt: (candidate: Candidate, signal: AbortSignal) => Promise<Result>;
  /** Receives a result that arrives after another one has won. */
  readonly discard: (result: Result) => void;
  readonly runtime: Runtime;
  readonly signal: AbortSignal;
}

/**
 * Tries candidates by "Happy Eyeballs" (RFC 8305, section 5): the next attempt begins when the previous one has failed,
 * or after 250 ms, while earlier attempts continue. The first to succeed wins, and the others are ended.
 *
 * @throws the signal's reason; the error of the last candidate's attempt if all have failed.
 */
export async function staggered<Candidate, Result>({
  candidates,
  attempt,
  discard,
  runtime,
  signal,
}: StaggeredAttempts<Candidate, Result>): Promise<Result> {
  signal.throwIfAborted();
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) {
    const result = await attempt(only, signal);
    if (!signal.aborted) return result;
    discard(result);
    throw signal.reason;
  }
  const ending = new AbortController();
  const onAbort = (): void => ending.abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  let winner: { readonly result: Result } | undefined;
  const won = Promise.withResolvers<void>();
  let failure: unknown;
  const run = async (candidate: Candidate, isLast: boolean): Promise<void> => {
    try {
      const result = await attempt(candidate, ending.signal);
      if (winner !== undefined || ending.signal.aborted) return discard(result);
      winner = { result };
      won.resolve();
    } catch (error) {
      if (isLast) failure = error;
    }
  };
  try {
    const attempts: Promise<void>[] = [];
    for (const [index, candidate] of candidates.entries()) {
      const tried = run(candidate, index === candidates.length - 1);
      attempts.push(tried);
      const delay = Promise.withResolvers<void>();
      const timer = runtime.setTimeout(delay.resolve, attemptDelayMs);
      await Promise.race([won.promise, tried, delay.promise]);
      timer.cancel();
      if (winner !== undefined || signal.aborted) break;
    }
    await Promise.race([won.promise, Promise.all(attempts)]);
  } finally {
    removeAbortListener(signal, onAbort);
    ending.abort();
  }
  if (winner !== undefined) return winner.result;
  signal.throwIfAborted();
  throw failure;
}
