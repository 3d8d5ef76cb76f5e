import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime } from '../base/runtime.ts';

/** Waits for a time. @throws the reason of the signal. */
export function delay(runtime: Runtime, delayMs: number, signal: AbortSignal): Promise<void> {
  return untilAborted(signal, (resolve) => {
    const timer = runtime.setTimeout(() => resolve(undefined), delayMs, 'watching');
    return () => timer.cancel();
  });
}

/**
 * Waits for something that may be given up.
 *
 * @param begin starts the work, and returns a function that undoes it.
 * @throws the reason of the signal.
 */
export function untilAborted<Value>(
  signal: AbortSignal,
  begin: (resolve: (value: Value) => void) => () => void,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    let undo = ignore;
    const onAbort = (): void => {
      undo();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    let isDone = false;
    const done = (value: Value): void => {
      isDone = true;
      removeAbortListener(signal, onAbort);
      undo();
      resolve(value);
    };
    const end = begin(done);
    if (isDone) end();
    else undo = end;
  });
}

function ignore(): void {}
