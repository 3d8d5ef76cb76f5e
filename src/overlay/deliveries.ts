import type { Broadcast } from './broadcast.ts';
import type { Arrival } from './router.ts';

/** The most broadcasts that wait until handlers are done with earlier ones. */
const maxWaiting = 1_024;

/** The most bytes of the waiting broadcasts. */
const maxWaitingBytes = 16 * 1_048_576;

/** A broadcast, and how it arrived. */
export interface Delivery {
  readonly broadcast: Broadcast;
  readonly arrival: Arrival;
}

/**
 * Hands broadcasts to the user's handlers, one at a time. If handlers are slower than broadcasts arrive, the latest
 * broadcasts are not accepted, because passing broadcasts to neighbours never waits for a handler.
 */
export class Deliveries {
  readonly #run: (broadcast: Broadcast, arrival: Arrival) => unknown;
  readonly #more: () => Delivery | undefined;
  readonly #waiting: Delivery[] = [];
  #waitingBytes = 0;
  #isRunning = false;

  /**
   * @param run runs the handlers for one broadcast, and returns a promise if that takes time. Never throws or rejects.
   * @param more returns a broadcast that waits elsewhere. Called when none waits here.
   */
  constructor(
    run: (broadcast: Broadcast, arrival: Arrival) => unknown,
    more: () => Delivery | undefined = () => undefined,
  ) {
    this.#run = run;
    this.#more = more;
  }

  get heldBytes(): number {
    return this.#waitingBytes;
  }

  /** @returns false if the broadcast is dropped because too many wait. */
  add(broadcast: Broadcast, arrival: Arrival): boolean {
    if (!this.#isRunning) {
      this.#begin({ broadcast, arrival });
      return true;
    }
    const { length } = broadcast.bytes;
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + length > maxWaitingBytes) {
      return false;
    }
    this.#waiting.push({ broadcast, arrival });
    this.#waitingBytes += length;
    return true;
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
      if (next !== undefined) this.#waitingBytes -= next.broadcast.bytes.length;
      const delivery = next ?? this.#more();
      if (delivery === undefined) return;
      this.#begin(delivery);
    }
  }
}
