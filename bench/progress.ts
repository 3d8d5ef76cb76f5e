/** Shows how far a run is, on standard error. */
export interface Progress {
  show(text: string, share: number): void;
  stop(): void;
}

/** The part of the package `ora` that is used here. */
interface Spinner {
  text: string;
  start(): Spinner;
  stop(): Spinner;
}

/** On a terminal a spinner, where its package is installed; otherwise a line for each tenth of the way. */
export async function createProgress(): Promise<Progress> {
  const startedAtMs = performance.now();
  const describe = (text: string, share: number): string => {
    const elapsedMs = performance.now() - startedAtMs;
    const left = share > 0.05 ? `, ${formatDuration((elapsedMs / share) * (1 - share))} left` : '';
    return `${Math.round(share * 100)} %${left}  ${text}`;
  };
  const spinner = process.stderr.isTTY ? await createSpinner() : undefined;
  if (spinner !== undefined) {
    return {
      show(text, share) {
        spinner.text = describe(text, share);
      },
      stop: () => void spinner.stop(),
    };
  }
  let tenths = -1;
  return {
    show(text, share) {
      if (Math.floor(share * 10) === tenths) return;
      tenths = Math.floor(share * 10);
      console.error(describe(text, share));
    },
    stop() {},
  };
}

async function createSpinner(): Promise<Spinner | undefined> {
  // Not written out in `import()`, so that this type checks where bench/ is not installed.
  const name: string = 'ora';
  try {
    const { default: ora } = (await import(name)) as { default: (options: object) => Spinner };
    return ora({ stream: process.stderr }).start();
  } catch {
    return undefined;
  }
}

function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
