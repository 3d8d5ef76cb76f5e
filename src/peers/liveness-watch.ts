import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import type { Channel } from '../channel/channel.ts';

/** The part of a connection that is checked. */
interface Watched {
  readonly channel: Pick<Channel, 'checkLiveness' | 'isSuspended'>;
}

export interface LivenessWatchOptions {
  readonly runtime: Runtime;
  /** `limits.pingAfterMs`. */
  readonly pingAfterMs: number;
  /** All connections of the node. */
  readonly connections: Iterable<readonly [{ readonly id: string }, Watched]> & { readonly size: number };
  /** Whether the node tries to reach a suspended peer again. */
  readonly isSought: (id: string) => boolean;
}

/** A timer of the system may come this early, and would find nothing due. */
const earlyMs = 1;

/**
 * Checks the channels of a node for silence, with one timer for all of them. The timer is set for the earliest time at
 * which a channel may be due. Bytes that arrive do not touch the timer: when it fires, the check finds a later time.
 *
 * Checks are at least a quarter of `pingAfterMs` apart, so that many silent peers do not cause as many timers.
 */
export class LivenessWatch {
  readonly #options: LivenessWatchOptions;
  #timer: RuntimeTimer | undefined;
  /** When the timer fires. `Infinity` if there is no timer. */
  #atMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(options: LivenessWatchOptions) {
    this.#options = options;
  }

  /** A channel may have to be checked after `delayMs`. */
  expect(delayMs: number): void {
    const { runtime } = this.#options;
    const atMs = runtime.now() + delayMs;
    if (this.#isStopped || atMs >= this.#atMs) return;
    this.#timer?.cancel();
    this.#atMs = atMs;
    this.#timer = runtime.setTimeout(() => this.#look(), delayMs + earlyMs, 'watching');
  }

  /** Stops the timer while there is no channel. */
  rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.#isStopped = true;
    this.rest();
  }

  #look(): void {
    this.rest();
    const { runtime, pingAfterMs, connections, isSought } = this.#options;
    const now = runtime.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [{ id }, { channel }] of connections) {
      nextMs = Math.min(nextMs, channel.checkLiveness(now, channel.isSuspended && isSought(id)));
    }
    if (connections.size > 0) this.expect(Math.max(nextMs - now, pingAfterMs / 4));
  }
}
