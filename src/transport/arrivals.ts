import { errorOf } from '../base/arguments.ts';

export interface ArrivalsDetails<Item> {
  readonly bytesOf: (item: Item) => Uint8Array;
  /** Holds an item for later. Default: appends it to the held items. */
  readonly hold?: (held: Item[], item: Item) => void;
  /** The listener has handled the item, or it was dropped. */
  readonly done: (item: Item) => void;
  /** The listener threw. */
  readonly failed: (error: Error) => void;
}

type Listener = (bytes: Uint8Array) => void;

/** Items that arrive on a link. They are held until there is a listener, and while the link is paused. */
export class Arrivals<Item> {
  readonly #details: ArrivalsDetails<Item>;
  readonly #held: Item[] = [];
  #listener: Listener | undefined;
  #isPaused = false;
  #isDropping = false;

  constructor(details: ArrivalsDetails<Item>) {
    this.#details = details;
  }

  get listener(): Listener {
    return this.#listener ?? ignore;
  }

  /** Call {@link handOut} afterwards. */
  set listener(listener: Listener) {
    if (!this.#isDropping) this.#listener = listener;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isDropping(): boolean {
    return this.#isDropping;
  }

  /** Whether an item that arrives now would be handed out. */
  get isFlowing(): boolean {
    return this.#mayHandOut && this.isEmpty;
  }

  take(item: Item): void {
    if (this.#isDropping) this.#details.done(item);
    else if (this.isFlowing) this.#handOutOne(item);
    else if (this.#details.hold !== undefined) this.#details.hold(this.#held, item);
    else this.#held.push(item);
  }

  pause(): void {
    this.#isPaused = !this.#isDropping;
  }

  /** Call {@link handOut} afterwards. */
  resume(): void {
    this.#isPaused = false;
  }

  /** Hands out the held items, until the listener pauses the link. */
  handOut(): void {
    while (this.#held.length > 0 && this.#mayHandOut) this.#handOutOne(this.#held.shift()!);
  }

  /** Drops the held items and all further ones. */
  drop(): void {
    this.#isDropping = true;
    this.#isPaused = false;
    this.#listener = undefined;
    for (const item of this.#held.splice(0)) this.#details.done(item);
  }

  get #mayHandOut(): boolean {
    return this.#listener !== undefined && !this.#isPaused;
  }

  #handOutOne(item: Item): void {
    const { bytesOf, done, failed } = this.#details;
    try {
      this.#listener!(bytesOf(item));
    } catch (error) {
      failed(errorOf(error));
      return;
    }
    done(item);
  }
}

function ignore(): void {}
