import { PeerloomError } from '../../base/errors.ts';
import { allocate } from '../../wire/frames/memory.ts';
import { tagBytes } from '../noise/cipher-names.ts';

/**
 * What the two sides of a link send each other, each in a message of the WebSocket of its own, sealed:
 *
 *    0      1
 *    +------+---------------------------------------------+
 *    | kind | data: bytes · credit: amount (4) · end: nothing |
 *    +------+---------------------------------------------+
 */
export const RecordKind = { data: 0, credit: 1, end: 2 } as const;

/** The longest message of Noise. */
export const maxSealedBytes = 65_535;

/** Of the content of a record. */
export const maxDataBytes = maxSealedBytes - tagBytes - 1;

/**
 * How far a side may be ahead of the other side's reader. Browsers hold nobody back: what they receive waits in their
 * memory until the page runs.
 */
export const windowBytes = 1024 * 1024;

/** What a record of data costs beside its bytes, because each takes memory while it waits. */
const recordCostBytes = 256;

/**
 * The receiver gives credit back when it owes so much: less than what makes a link full (`highWaterBytes` of
 * sealed-socket.ts). A full link learns by credit alone that its WebSocket has passed everything on, so there must
 * always be one more to come.
 */
export const creditStepBytes = 96 * 1024;

/** What a record of so much data takes of the window. */
export function costOf(dataBytes: number): number {
  return dataBytes + recordCostBytes;
}

/** The record that was made last: sealing copies it at once. */
const scratch = allocate(1 + maxDataBytes);

/** A record of data, in memory that the next one uses again. */
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

/** A record of data that was opened. */
export interface ReceivedData {
  readonly kind: 'data';
  readonly bytes: Uint8Array;
  /** The whole record, in which the bytes lie. */
  readonly record: Uint8Array;
}

/** A record that was opened. */
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
    // Less than the smallest record costs would only keep this side busy.
    if (amount > recordCostBytes && amount <= windowBytes) return { kind: 'credit', amount };
  }
  throw new PeerloomError('ERR_PROTOCOL', 'the other side sent a record that the protocol does not know');
}
