/** Called with the arguments of the event. */
export type AnyListener = (...args: never[]) => unknown;

/** A listener that was added, by `on` or by `once`. */
export interface Registration {
  readonly listener: AnyListener;
  readonly isOnce: boolean;
}

/**
 * The listeners of one event, in the order in which they were added. A listener added twice is called twice. Adding and
 * removing take constant time.
 */
export class Listeners {
  readonly #registrations = new Set<Registration>();
  readonly #ofListener = new Map<AnyListener, Registration[]>();
  #list: readonly Registration[] | undefined;

  get size(): number {
    return this.#registrations.size;
  }

  /** A snapshot: later changes do not affect the list. */
  get list(): readonly Registration[] {
    this.#list ??= [...this.#registrations];
    return this.#list;
  }

  add(listener: AnyListener, isOnce: boolean): void {
    const registration = { listener, isOnce };
    this.#registrations.add(registration);
    this.#list = undefined;
    const earlier = this.#ofListener.get(listener);
    if (earlier === undefined) this.#ofListener.set(listener, [registration]);
    else earlier.push(registration);
  }

  /** Removes a listener. If it was added several times, the latest addition is removed. */
  remove(listener: AnyListener): void {
    const latest = this.#ofListener.get(listener)?.at(-1);
    if (latest !== undefined) this.#delete(latest);
  }

  /** @returns whether it was still there. */
  removeRegistration(registration: Registration): boolean {
    if (!this.#registrations.has(registration)) return false;
    this.#delete(registration);
    return true;
  }

  #delete(registration: Registration): void {
    this.#registrations.delete(registration);
    this.#list = undefined;
    const { listener } = registration;
    const registrations = this.#ofListener.get(listener)!;
    if (registrations.length === 1) this.#ofListener.delete(listener);
    else registrations.splice(registrations.lastIndexOf(registration), 1);
  }
}
