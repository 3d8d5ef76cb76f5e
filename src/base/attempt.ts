import { PeerloomError } from './errors.ts';
import { removeAbortListener } from './remove-abort-listener.ts';
import type { Runtime } from './runtime.ts';

export interface AttemptLimits {
  /** Names the work in errors: `'connecting with 127.0.0.1:10001'`. */
  readonly what: string;
  /** `Infinity`: no limit. */
  readonly timeoutMs: number;
  readonly runtime: Runtime;
  /** Fires, with the reason, when the node stops. */
  readonly stopping: AbortSignal;
  /** The signal of the caller. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs work that ends early when its time is over, the caller aborts it, or the node stops. The signal that the work
 * receives carries the reason.
 */
export async function attempt<Result>(
  limits: AttemptLimits,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { what, timeoutMs, runtime, stopping, signal } = limits;
  const ending = new AbortController();
  const onTimeout = (): void =>
    ending.abort(
      new PeerloomError(
        'ERR_TIMEOUT',
        `${what} took more than ${timeoutMs} ms: try again, or pass a larger timeoutMs`,
      ),
    );
  const onStop = (): void => ending.abort(stopping.reason);
  const onSignal = (): void =>
    ending.abort(
      new PeerloomError('ERR_ABORTED', `${what} was aborted by the signal`, { cause: signal?.reason }),
    );
  const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : runtime.setTimeout(onTimeout, timeoutMs);
  stopping.addEventListener('abort', onStop);
  signal?.addEventListener('abort', onSignal);
  if (signal?.aborted) onSignal();
  try {
    return await run(ending.signal);
  } finally {
    timer?.cancel();
    removeAbortListener(stopping, onStop);
    removeAbortListener(signal, onSignal);
  }
}
