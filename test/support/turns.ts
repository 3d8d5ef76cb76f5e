/** Much longer than anything takes on a machine that is slow and busy. */
const patienceMs = 60_000;

/** After so many turns, {@link until} leaves the processor to what it waits for: another process, or a timer. */
const busyTurns = 100;

/** Taken before a test replaces it. */
const { setTimeout: systemTimeout } = globalThis;

/** Between two looks at something that another process does: looking all the time would take the processor from it. */
export function pause(pauseMs = 1): Promise<void> {
  return new Promise((resolve) => systemTimeout(resolve, pauseMs));
}

/** One turn of the event loop: everything that is ready has run when it resolves. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Some turns: enough for what must not happen to show if it does. */
export async function turns(count = 20): Promise<void> {
  for (let index = 0; index < count; index++) await turn();
}

/** Takes turns until something is so; for what no event tells. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string | (() => string),
  timeoutMs = patienceMs,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let turnsTaken = 0; ; turnsTaken++) {
    const isIt = isSo();
    if (typeof isIt === 'boolean' ? isIt : await isIt) return;
    if (performance.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`);
    await (turnsTaken < busyTurns ? turn() : pause());
  }
}

/** The value, or an error that says what was waited for. */
export async function within<Value>(
  value: Promise<Value>,
  what: string | (() => string),
  timeoutMs = patienceMs,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}
