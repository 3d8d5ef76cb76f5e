import type { PythonBroadcastsOptions } from './python-broadcasts.ts';

/** What bundlers put in the place of `python-broadcasts.ts` in a bundle for browsers, which no Python node reaches. */
export class PythonBroadcasts {
  // biome-ignore lint/complexity/noUselessConstructor: it takes what the other one does
  constructor(_options: PythonBroadcastsOptions) {}

  send(): void {}

  take(): undefined {}
}
