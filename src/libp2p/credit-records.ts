import { PeerloomError } from '../base/errors.ts';

/*
 * The protocol /peerloom/1/credit: records, each with a head of four bytes. Its two highest bits are the kind, the others
 * a number.
 *
 *   kind 0, data: so many bytes of the link follow
 *   kind 1, credit: the other side may send so many bytes of data more
 *   kind 2, end: nothing follows
 */

/** What each side may send before the other has given any credit. */
export const windowBytes = 1024 * 1024;

/** Data of one record. Messages of WebRTC have 16 KiB, so a record fills some of them. */
export const maxDataBytes = 64 * 1024;

const headBytes = 4;
const numberMask = 0x3fff_ffff;

export function dataRecord(bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(headBytes + bytes.length);
  writeHead(record, 0, bytes.length);
  record.set(bytes, headBytes);
  return record;
}

export function creditRecord(amount: number): Uint8Array {
  const record = new Uint8Array(headBytes);
  writeHead(record, 1, amount);
  return record;
}

export function endRecord(): Uint8Array {
  const record = new Uint8Array(headBytes);
  writeHead(record, 2, 0);
  return record;
}

function writeHead(record: Uint8Array, kind: number, number: number): void {
  new DataView(record.buffer).setUint32(0, kind * (numberMask + 1) + number);
}

export interface RecordHandler {
  /** A piece of data, perhaps not a whole record: it lies in the memory that was pushed. */
  data(bytes: Uint8Array): void;
  credit(amount: number): void;
  end(): void;
}

/** Reads records out of pieces that were cut anywhere. It keeps at most three bytes. */
export class RecordReader {
  readonly #handler: RecordHandler;
  /** How much of the present record of data is to come. */
  #rest = 0;
  #head = 0;
  #headLength = 0;
  #hasEnded = false;

  constructor(handler: RecordHandler) {
    this.#handler = handler;
  }

  /** @throws PeerloomError `ERR_PROTOCOL`; what the handler throws. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#hasEnded) throw new PeerloomError('ERR_PROTOCOL', 'the other side sent more after its end');
      if (this.#rest > 0) {
        const end = Math.min(bytes.length, at + this.#rest);
        this.#rest -= end - at;
        this.#handler.data(bytes.subarray(at, end));
        at = end;
        continue;
      }
      this.#head = this.#head * 256 + bytes[at]!;
      at += 1;
      this.#headLength += 1;
      if (this.#headLength === headBytes) this.#onHead();
    }
  }

  #onHead(): void {
    const kind = Math.floor(this.#head / (numberMask + 1));
    const number = this.#head % (numberMask + 1);
    this.#head = this.#headLength = 0;
    if (kind === 0 && number > 0) this.#rest = number;
    else if (kind === 1 && number > 0) this.#handler.credit(number);
    else if (kind === 2 && number === 0) {
      this.#hasEnded = true;
      this.#handler.end();
    } else {
      throw new PeerloomError('ERR_PROTOCOL', `the other side sent a record of kind ${kind} with ${number}`);
    }
  }
}
