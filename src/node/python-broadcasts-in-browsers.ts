import type { PythonBroadcastsOptions } from './python-broadcasts.ts';

/** Replaces `python-broadcasts.ts` in bundles for browsers, because Python nodes cannot connect to pages. */
export class PythonBroadcasts {
  // biome-ignore lint/complexity/noUselessConstructor: it has the parameters of the class that it replaces
  constructor(_options: PythonBroadcastsOptions) {}

  send(): void {}

  take(): undefined {}
}
