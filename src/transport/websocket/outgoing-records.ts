import { PeerloomError } from '../../base/errors.ts';
import { costOf, dataRecord, maxDataBytes, windowBytes } from './records.ts';

/** Something that a link was given and has not sent yet. */
interface Waiting {
  readonly bytes: Uint8Array;
  sent: number;
  readonly done: (() => void) | undefined;
}

/** What a link sends: cut into records, and held back as far as the credit of the other side does not go. */
export class OutgoingRecords {
  readonly #send: (record: Uint8Array) => void;
  #waiting: Waiting[] = [];
  #credit = windowBytes;

  /** @param send the memory of a record is used again at once. */
  constructor(send: (record: Uint8Array) => void) {
    this.#send = send;
  }

  /** Everything was sent. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** @param done is called when the memory of the bytes is no longer needed. */
  add(bytes: Uint8Array, done: (() => void) | undefined): void {
    if (bytes.length === 0) done?.();
    else this.#waiting.push({ bytes, sent: 0, done });
  }

  /** The other side has room again. @throws PeerloomError `ERR_PROTOCOL`. */
  addCredit(amount: number): void {
    this.#credit += amount;
    if (this.#credit > windowBytes) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side gave more credit than it received');
    }
  }

  /** Sends what waits, as far as the credit goes. */
  flush(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const rest = first.bytes.length - first.sent;
      // Records of one length: a short one behind a long one costs as much as both need.
      const length = Math.ceil(rest / Math.ceil(rest / maxDataBytes));
      if (costOf(length) > this.#credit) return;
      this.#credit -= costOf(length);
      this.#send(dataRecord(first.bytes.subarray(first.sent, first.sent + length)));
      first.sent += length;
      if (first.sent < first.bytes.length) continue;
      this.#waiting.shift();
      first.done?.();
    }
  }

  clear(): void {
    this.#waiting = [];
  }
}
