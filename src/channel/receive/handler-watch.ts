import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** A handler that runs for longer than this is reported. */
export const slowHandlerMs = 10_000;

export interface HandlerWatchHost<What> {
  readonly runtime: Runtime;
  /** A handler that began at this time (of the runtime) still runs. Called once for each handler. */
  onSlow(what: What, beganAtMs: number): void;
}

/** Finds slow handlers where handlers run one at a time. One timer serves all of them. */
export class HandlerWatch<What> {
  readonly #host: HandlerWatchHost<What>;
  #running: What | undefined;
  #beganAtMs = 0;
  #timer: RuntimeTimer | undefined;

  constructor(host: HandlerWatchHost<What>) {
    this.#host = host;
  }

  began(what: What): void {
    const { runtime } = this.#host;
    this.#running = what;
    this.#beganAtMs = runtime.now();
    this.#timer ??= runtime.setTimeout(this.#look, slowHandlerMs);
  }

  ended(): void {
    this.#running = undefined;
  }

  /** Stops watching. */
  close(): void {
    this.#running = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const what = this.#running;
    if (what === undefined) return;
    const { runtime } = this.#host;
    const leftMs = this.#beganAtMs + slowHandlerMs - runtime.now();
    // A timer of the system may fire a little early.
    if (leftMs >= 1) {
      this.#timer = runtime.setTimeout(this.#look, leftMs);
      return;
    }
    this.#running = undefined;
    this.#host.onSlow(what, this.#beganAtMs);
  };
}
