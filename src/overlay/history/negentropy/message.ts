import { PeerloomError } from '../../../base/errors.ts';
import { type Bound, fingerprintBytes, idBytes } from './ordered-ids.ts';
import { writeVarint } from './varint.ts';

/** The first byte of every message of protocol V1. */
export const versionByte = 0x61;

const modes = { skip: 0, fingerprint: 1, idList: 2 } as const;

/** What a message contains about the items from the end of the previous range up to `end`. */
export type Range = { readonly end: Bound } & (
  | { readonly mode: 'skip' }
  | { readonly mode: 'fingerprint'; readonly fingerprint: Uint8Array }
  | { readonly mode: 'idList'; readonly ids: readonly Uint8Array[] }
);

/** The bound after all items. */
export const infinity: Bound = { timestamp: Number.POSITIVE_INFINITY, prefix: new Uint8Array(0) };

/** Writes a message, range by range. */
export class MessageWriter {
  readonly #bytes: number[] = [versionByte];
  #lastTimestamp = 0;

  get length(): number {
    return this.#bytes.length;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  /** Removes everything that was written after a given length. Only the end of the message may follow. */
  cutBack(length: number): void {
    this.#bytes.length = length;
  }

  add(range: Range): void {
    this.#bound(range.end);
    writeVarint(this.#bytes, modes[range.mode]);
    if (range.mode === 'fingerprint') {
      this.#bytes.push(...range.fingerprint);
    } else if (range.mode === 'idList') {
      writeVarint(this.#bytes, range.ids.length);
      for (const id of range.ids) this.#bytes.push(...id);
    }
  }

  #bound({ timestamp, prefix }: Bound): void {
    if (timestamp === Number.POSITIVE_INFINITY) {
      writeVarint(this.#bytes, 0);
    } else {
      writeVarint(this.#bytes, timestamp - this.#lastTimestamp + 1);
      this.#lastTimestamp = timestamp;
    }
    writeVarint(this.#bytes, prefix.length);
    this.#bytes.push(...prefix);
  }
}

/**
 * Reads a message, range by range.
 *
 * @throws PeerloomError `ERR_PROTOCOL` if the bytes are not a message of protocol V1, or a timestamp is above 2^53 - 1.
 */
export function* readMessage(bytes: Uint8Array): Generator<Range, void> {
  const reader = new Reader(bytes);
  if (reader.take(1)[0] !== versionByte) throw invalid('has another version');
  let before = 0;
  while (!reader.isAtEnd) {
    const end = reader.bound(before);
    before = end.timestamp;
    const mode = reader.varint();
    if (mode === modes.skip) yield { end, mode: 'skip' };
    else if (mode === modes.fingerprint)
      yield { end, mode: 'fingerprint', fingerprint: reader.take(fingerprintBytes) };
    else if (mode === modes.idList) yield { end, mode: 'idList', ids: reader.ids() };
    else throw invalid(`has a range of the mode ${mode}`);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw invalid('is cut short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  varint(): number {
    let value = 0;
    for (;;) {
      const digit = this.take(1)[0]!;
      value = value * 128 + (digit & 127);
      if (value > Number.MAX_SAFE_INTEGER) throw invalid('has a number above 2^53 - 1');
      if (digit < 128) return value;
    }
  }

  /** @param before the timestamp of the previous bound. */
  bound(before: number): Bound {
    const encoded = this.varint();
    const timestamp = encoded === 0 ? Number.POSITIVE_INFINITY : before + encoded - 1;
    if (timestamp > Number.MAX_SAFE_INTEGER && encoded !== 0) throw invalid('has a time above 2^53 - 1');
    if (before === Number.POSITIVE_INFINITY) throw invalid('goes on behind infinity');
    const length = this.varint();
    if (length > idBytes) throw invalid(`has a bound of ${length} bytes`);
    return { timestamp, prefix: this.take(length) };
  }

  ids(): readonly Uint8Array[] {
    const length = this.varint();
    const bytes = this.take(length * idBytes);
    return Array.from({ length }, (_, index) => bytes.subarray(index * idBytes, (index + 1) * idBytes));
  }
}

function invalid(what: string): PeerloomError {
  return new PeerloomError('ERR_PROTOCOL', `a message of reconciliation ${what}`);
}
