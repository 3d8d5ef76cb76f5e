/** A cache of values that are expensive to make. Beyond `max` values, the least recently used one is evicted. */
export class Recent<Value> {
  readonly #max: number;
  /** The most recently used value is last. */
  readonly #values = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#values.size;
  }

  /** The value for these bytes. If `make` throws, nothing is kept. */
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
