import type { ReconnectPolicy } from '../api/reconnect-options.ts';
import { backoffDelayMs } from '../base/backoff.ts';
import { type ErrorCode, isPeerloomError } from '../base/errors.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime } from '../base/runtime.ts';

/** After these errors, another attempt would fail in the same way. */
const finalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_ABORTED',
  'ERR_ADDRESS_INVALID',
  'ERR_NOT_STARTED',
  'ERR_PLAIN_NOT_ALLOWED',
  'ERR_SELF_CONNECTION',
  'ERR_TRANSPORT_UNAVAILABLE',
]);

export interface DialUntilUpOptions {
  readonly policy: ReconnectPolicy;
  readonly runtime: Pick<Runtime, 'random'>;
  /** Timers for the waits between attempts. */
  readonly timers: Pick<Runtime, 'setTimeout'>;
  /** Ends the waits between attempts. The dial rejects with its reason. */
  readonly signal: AbortSignal;
  /** Called after a failed attempt. Resolve with false to give up. */
  readonly onFailure: (attempts: number, error: unknown) => Promise<boolean>;
}

/**
 * Dials until it succeeds. The delays grow as the reconnect options say.
 *
 * @throws the error of the last attempt if no attempts are left, if `onFailure` gives up, or if another attempt cannot
 * help; the reason of the signal.
 */
export async function dialUntilUp<Connection>(
  dial: () => Promise<Connection>,
  { policy, runtime, timers, signal, onFailure }: DialUntilUpOptions,
): Promise<Connection> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await dial();
    } catch (error) {
      signal.throwIfAborted();
      if (isPeerloomError(error) && finalCodes.has(error.code)) throw error;
      const goesOn = await onFailure(attempts, error);
      if (!goesOn || attempts >= policy.maxTrials) throw error;
      await delay(
        backoffDelayMs(attempts, policy, () => runtime.random('delays of retrying')),
        timers,
        signal,
      );
    }
  }
}

function delay(delayMs: number, timers: Pick<Runtime, 'setTimeout'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = timers.setTimeout(() => {
      removeAbortListener(signal, onAbort);
      resolve();
    }, delayMs);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
