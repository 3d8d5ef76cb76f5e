import { PeerloomError } from '../base/errors.ts';

/*
 * The protocol /peerloom/1/credit consists of records, each with a head of four bytes. The two highest bits of the head
 * are the kind, and the others are a number.
 *
 *   kind 0, data: this number of bytes of the link follows
 *   kind 1, credit: the other side may send this number of further data bytes
 *   kind 2, end: nothing follows
 */

/** How many bytes each side may send before the other has given any credit. */
export const windowBytes = 1024 * 1024;

/** The most bytes of data in one record. WebRTC messages have 16 KiB, so a record fills several of them. */
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
  /** Called with a piece of data, which may be only a part of a record. It shares the memory that was pushed. */
  data(bytes: Uint8Array): void;
  credit(amount: number): void;
  end(): void;
}

/** Reads records from pieces with arbitrary boundaries. It keeps at most three bytes. */
export class RecordReader {
  readonly #handler: RecordHandler;
  /** How many bytes of the present data record are still missing. */
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
