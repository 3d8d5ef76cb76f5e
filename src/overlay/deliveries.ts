import type { Broadcast } from './broadcast.ts';
import type { Arrival } from './router.ts';

/** Broadcasts that wait for the handlers of those before them. */
const maxWaiting = 1_024;

/** Their bytes. */
const maxWaitingBytes = 16 * 1_048_576;

interface Delivery {
  readonly broadcast: Broadcast;
  readonly arrival: Arrival;
}

/**
 * Hands broadcasts to the user's handlers, one at a time. Where handlers are slower than broadcasts arrive, the latest
 * ones are dropped: passing broadcasts on never waits for a handler.
 */
export class Deliveries {
  readonly #run: (broadcast: Broadcast, arrival: Arrival) => unknown;
  readonly #waiting: Delivery[] = [];
  #waitingBytes = 0;
  #isRunning = false;
  #dropped = 0;

  /** @param run hands one broadcast on, and returns a promise if that takes time. Never throws or rejects. */
  constructor(run: (broadcast: Broadcast, arrival: Arrival) => unknown) {
    this.#run = run;
  }

  /** Broadcasts that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  get heldBytes(): number {
    return this.#waitingBytes;
  }

  add(broadcast: Broadcast, arrival: Arrival): void {
    if (!this.#isRunning) {
      this.#begin({ broadcast, arrival });
      return;
    }
    const { length } = broadcast.bytes;
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + length > maxWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push({ broadcast, arrival });
    this.#waitingBytes += length;
  }

  #begin({ broadcast, arrival }: Delivery): void {
    const pending = this.#run(broadcast, arrival);
    if (!(pending instanceof Promise)) return;
    this.#isRunning = true;
    void pending.then(() => this.#next());
  }

  #next(): void {
    this.#isRunning = false;
    while (!this.#isRunning) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#waitingBytes -= next.broadcast.bytes.length;
      this.#begin(next);
    }
  }
}
