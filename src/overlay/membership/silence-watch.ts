import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { Channel } from '../../channel/channel.ts';

/** How often the neighbours are checked, in milliseconds. */
const lookEveryMs = 2_000;

/**
 * How long a neighbour may be silent before it is pinged, and before it is given up, in milliseconds. A dead neighbour
 * is found within 10 seconds in all.
 */
const pingAfterMs = 2_500;
const deadAfterMs = 7_500;

export interface SilenceWatchOptions {
  readonly runtime: Runtime;
  /** Returns the neighbours by their ids. */
  readonly neighbours: () => Iterable<readonly [id: string, channel: Channel]>;
  readonly onSilent: (id: string, silenceMs: number) => void;
}

/** Finds neighbours that died in silence, earlier than the timeouts of connections do. */
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
    // This process may have been suspended. That does not count as silence of the neighbours.
    const hasSlept = now - this.#lookAtMs > lookEveryMs;
    this.start();
    for (const [id, channel] of neighbours()) {
      const silenceMs = channel.checkSilence(now, pingAfterMs);
      if (silenceMs >= deadAfterMs && !hasSlept) onSilent(id, silenceMs);
    }
  }
}
