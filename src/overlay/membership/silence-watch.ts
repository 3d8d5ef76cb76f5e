import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { Channel } from '../../channel/channel.ts';

/** Neighbours are looked at so often, in milliseconds. */
const lookEveryMs = 2_000;

/** A neighbour is pinged after such a silence, and given up after such a one: within 10 seconds in all. */
const pingAfterMs = 2_500;
const deadAfterMs = 7_500;

export interface SilenceWatchOptions {
  readonly runtime: Runtime;
  /** The neighbours, by their ids. */
  readonly neighbours: () => Iterable<readonly [id: string, channel: Channel]>;
  readonly onSilent: (id: string, silenceMs: number) => void;
}

/** Finds neighbours that died in silence, sooner than the limits of connections do. */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #timer: RuntimeTimer | undefined;
  #lookAtMs = 0;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
  }

  start(): void {
    const { runtime } = this.#options;
    this.#lookAtMs = runtime.now() + lookEveryMs;
    this.#timer = runtime.setTimeout(() => this.#look(), lookEveryMs, 'watching');
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const { runtime, neighbours, onSilent } = this.#options;
    const now = runtime.now();
    // This process may have slept: that is not the silence of others.
    const hasSlept = now - this.#lookAtMs > lookEveryMs;
    this.start();
    for (const [id, channel] of neighbours()) {
      const silenceMs = channel.checkSilence(now, pingAfterMs);
      if (silenceMs >= deadAfterMs && !hasSlept) onSilent(id, silenceMs);
    }
  }
}
