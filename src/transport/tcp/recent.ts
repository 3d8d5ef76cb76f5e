/** Keeps values that cost something to make. Past `max` of them, the one that was used least recently goes. */
export class Recent<Value> {
  readonly #max: number;
  /** The one used latest stands last. */
  readonly #values = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#values.size;
  }

  /** The value of these bytes. Nothing is kept when `make` throws. */
  of(bytes: Uint8Array, make: () => Value): Value {
    const name = Buffer.from(bytes).toString('latin1');
    const value = this.#values.get(name) ?? make();
    this.#values.delete(name);
    this.#values.set(name, value);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#max) break;
      this.#values.delete(oldest);
    }
    return value;
  }
}
