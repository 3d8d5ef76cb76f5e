import { PeerloomError } from '../../base/errors.ts';
import { costOf, dataRecord, maxDataBytes, windowBytes } from './records.ts';

/** Bytes that a link has not sent yet. */
interface Waiting {
  readonly bytes: Uint8Array;
  sent: number;
  readonly done: (() => void) | undefined;
}

/** The sending side of a link: cuts bytes into records, and waits for credit of the other side. */
export class OutgoingRecords {
  readonly #send: (record: Uint8Array) => void;
  #waiting: Waiting[] = [];
  #credit = windowBytes;

  /** @param send sends a record. The record's memory is reused as soon as it returns. */
  constructor(send: (record: Uint8Array) => void) {
    this.#send = send;
  }

  /** Whether everything was sent. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** @param done is called when the memory of the bytes is no longer needed. */
  add(bytes: Uint8Array, done: (() => void) | undefined): void {
    if (bytes.length === 0) done?.();
    else this.#waiting.push({ bytes, sent: 0, done });
  }

  /** The other side has granted credit. @throws PeerloomError `ERR_PROTOCOL`. */
  addCredit(amount: number): void {
    this.#credit += amount;
    if (this.#credit > windowBytes) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side gave more credit than it received');
    }
  }

  /** Sends what waits, as far as the credit allows. */
  flush(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const rest = first.bytes.length - first.sent;
      // All records get the same length, because each record has a fixed cost.
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
