import { PeerloomError } from '../../base/errors.ts';
import { allocate } from '../../wire/frames/memory.ts';
import { tagBytes } from '../noise/cipher-names.ts';

/**
 * The records of a link. Each is sealed and sent as one message of the WebSocket:
 *
 *    0      1
 *    +------+---------------------------------------------+
 *    | kind | data: bytes · credit: amount (4) · end: nothing |
 *    +------+---------------------------------------------+
 */
export const RecordKind = { data: 0, credit: 1, end: 2 } as const;

/** The longest message of Noise. */
export const maxSealedBytes = 65_535;

/** The longest data of a record. */
export const maxDataBytes = maxSealedBytes - tagBytes - 1;

/**
 * How far a side may be ahead of the other side's reader. Browsers have no backpressure: what they receive waits in
 * memory until the page runs.
 */
export const windowBytes = 1024 * 1024;

/** The cost of a data record beside its bytes, because each record takes memory while it waits. */
const recordCostBytes = 256;

/**
 * The receiver returns credit in steps of this size. It must be less than the high-water mark of a link
 * (`highWaterBytes` in sealed-socket.ts): a full link learns only by credit that its WebSocket has passed everything
 * on, so another credit must always follow.
 */
export const creditStepBytes = 96 * 1024;

/** The cost of a record with this much data. */
export function costOf(dataBytes: number): number {
  return dataBytes + recordCostBytes;
}

/** The memory of the latest record, which is reused because sealing copies it immediately. */
const scratch = allocate(1 + maxDataBytes);

/** A data record, in memory that the next one reuses. */
export function dataRecord(bytes: Uint8Array): Uint8Array {
  scratch[0] = RecordKind.data;
  scratch.set(bytes, 1);
  return scratch.subarray(0, 1 + bytes.length);
}

export function creditRecord(amount: number): Uint8Array {
  const record = new Uint8Array(5);
  record[0] = RecordKind.credit;
  new DataView(record.buffer).setUint32(1, amount);
  return record;
}

export function endRecord(): Uint8Array {
  return Uint8Array.of(RecordKind.end);
}

/** An opened data record. */
export interface ReceivedData {
  readonly kind: 'data';
  readonly bytes: Uint8Array;
  /** The whole record, of which the bytes are a view. */
  readonly record: Uint8Array;
}

/** An opened record. */
export type ReceivedRecord =
  | ReceivedData
  | { readonly kind: 'credit'; readonly amount: number }
  | { readonly kind: 'end' };

/** @throws PeerloomError `ERR_PROTOCOL`. */
export function readRecord(record: Uint8Array): ReceivedRecord {
  const content = record.subarray(1);
  if (record[0] === RecordKind.data && content.length > 0) return { kind: 'data', bytes: content, record };
  if (record[0] === RecordKind.end && content.length === 0) return { kind: 'end' };
  if (record[0] === RecordKind.credit && content.length === 4) {
    const amount = new DataView(content.buffer, content.byteOffset).getUint32(0);
    // Credit below the cost of the smallest record would only keep this side busy.
    if (amount > recordCostBytes && amount <= windowBytes) return { kind: 'credit', amount };
  }
  throw new PeerloomError('ERR_PROTOCOL', 'the other side sent a record that the protocol does not know');
}
