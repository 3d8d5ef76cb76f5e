import { PeerloomError } from '../../base/errors.ts';

/** The tags of DER (X.690) in peerloom's certificates. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
} as const;

/** One value of DER: tag, length in its shortest form, content of at most 65,535 bytes. */
export function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.from(head), body]);
}

/** Reads values of DER one after another, as strictly as {@link der} writes them. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next value; `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The content of the next value. @throws PeerloomError `ERR_HANDSHAKE` if it has another tag or is damaged. */
  read(tag: number): Uint8Array {
    return this.#next(tag).content;
  }

  /** The next value with its tag and its length. */
  readWhole(tag: number): Uint8Array {
    return this.#next(tag).whole;
  }

  /** A reader of the values within the next value. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag));
  }

  #next(tag: number): { content: Uint8Array; whole: Uint8Array } {
    const bytes = this.#bytes;
    const from = this.#at;
    const first = bytes[from + 1];
    if (bytes[from] !== tag || first === undefined) throw malformed();
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = from + 2 + lengthBytes;
    if (lengthBytes > 2 || start > bytes.length) throw malformed();
    let length = lengthBytes === 0 ? first : 0;
    for (let at = from + 2; at < start; at++) length = length * 256 + bytes[at]!;
    // Only the shortest form is accepted, so that the same bytes cannot be read in two ways.
    const shortest = length < 0x80 ? 0 : length < 0x100 ? 1 : 2;
    if (lengthBytes !== shortest || first === 0x80 || start + length > bytes.length) throw malformed();
    this.#at = start + length;
    return { content: bytes.subarray(start, this.#at), whole: bytes.subarray(from, this.#at) };
  }
}

function malformed(): PeerloomError {
  return new PeerloomError('ERR_HANDSHAKE', 'the certificate of the other side cannot be read');
}
