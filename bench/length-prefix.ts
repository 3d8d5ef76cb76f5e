const prefixBytes = 4;

/** A message with its length in front, in one piece: one write. */
export function prefixed(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed.writeUInt32BE(message.length, 0);
  framed.set(message, prefixBytes);
  return framed;
}

/** Cuts a stream of prefixed messages again: what a user of a bare stream writes by hand. */
export class LengthPrefixReader {
  readonly #onMessage: (message: Uint8Array) => void;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixFilled = 0;
  #message: Buffer | undefined;
  #messageFilled = 0;

  constructor(onMessage: (message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  push(bytes: Uint8Array): void {
    let position = 0;
    while (position < bytes.length) {
      position = this.#message ? this.#fill(bytes, position) : this.#begin(bytes, position);
    }
  }

  #begin(bytes: Uint8Array, position: number): number {
    if (this.#prefixFilled === 0 && position + prefixBytes <= bytes.length) {
      const length = readUint32(bytes, position);
      const start = position + prefixBytes;
      if (start + length <= bytes.length) {
        this.#onMessage(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length));
        return start + length;
      }
      this.#message = Buffer.allocUnsafeSlow(length);
      return start;
    }
    this.#prefix[this.#prefixFilled++] = bytes[position]!;
    if (this.#prefixFilled === prefixBytes) {
      this.#prefixFilled = 0;
      this.#message = Buffer.allocUnsafeSlow(readUint32(this.#prefix, 0));
    }
    return position + 1;
  }

  #fill(bytes: Uint8Array, position: number): number {
    const message = this.#message!;
    const end = Math.min(bytes.length, position + message.length - this.#messageFilled);
    message.set(bytes.subarray(position, end), this.#messageFilled);
    this.#messageFilled += end - position;
    if (this.#messageFilled === message.length) {
      this.#message = undefined;
      this.#messageFilled = 0;
      this.#onMessage(message);
    }
    return end;
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
