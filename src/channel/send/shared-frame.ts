/** A frame of a large message to many peers. It is encoded once and waits in many connections. */
export class SharedFrame {
  readonly bytes: Uint8Array;
  /** How many connections hold it. */
  holders = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The share of its memory that each holder counts. */
  get bytesEach(): number {
    return this.bytes.length / Math.max(1, this.holders);
  }
}
