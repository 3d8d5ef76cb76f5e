import { bytesToHex } from '@noble/hashes/utils.js';
import { infinity, MessageWriter, type Range, readMessage } from './message.ts';
import { type Bound, idBytes, type OrderedIds } from './ordered-ids.ts';

/** The number of ranges into which a range with different fingerprints is cut. */
const parts = 16;

/** A range with fewer items is listed instead of cut. */
const minItemsToCut = parts * 2;

/** The number of bytes that a message leaves free, within its limit, for the range that ends it. */
const reservedBytes = 200;

/** An id that the other side has and this side lacks. */
export interface Needed {
  readonly id: string;
  /** The start of the range in which the other side listed it: a lower bound of the item's timestamp. */
  readonly fromTimestamp: number;
}

/** The result of reading an answer. */
export interface Progress {
  /** The next message for the other side. `undefined` if all differences are known. */
  readonly message: Uint8Array<ArrayBuffer> | undefined;
  /** The ids that the other side lacks, in the order of the items. */
  readonly have: readonly string[];
  /** The ids that this side lacks, by ranges. Within a range, they have the other side's order. */
  readonly need: readonly Needed[];
}

export interface NegentropyOptions {
  /** The index of the first item that counts. Default: 0. */
  readonly from?: number;
  /** The items from this index on do not count. Default: all items count. */
  readonly to?: number;
  /** The most bytes of an answer, and of each message after the first. At least 4,096. Default: no limit. */
  readonly maxMessageBytes?: number;
}

/** A list of ids from the other side, with the range of items that it covers. */
interface Listed {
  readonly ids: readonly Uint8Array[];
  readonly from: number;
  readonly to: number;
  readonly fromTimestamp: number;
}

/**
 * Range-based set reconciliation, after the specification of Negentropy protocol V1. Two sides find the ids in which
 * their sets differ. Each message has fingerprints of ranges. If the fingerprints of a range differ, it is cut into
 * smaller ranges, until the ids are listed. So the traffic grows with the differences, not with the size of the sets.
 *
 * The side that begins learns the differences. The other side only answers, and keeps no state between two messages.
 */
export class Negentropy {
  readonly #items: OrderedIds;
  readonly #from: number;
  readonly #to: number;
  readonly #fullAtBytes: number;

  constructor(items: OrderedIds, options: NegentropyOptions = {}) {
    this.#items = items;
    this.#from = options.from ?? 0;
    this.#to = options.to ?? items.size;
    this.#fullAtBytes = (options.maxMessageBytes ?? Number.POSITIVE_INFINITY) - reservedBytes;
  }

  /** Returns the first message. */
  begin(): Uint8Array<ArrayBuffer> {
    const writer = new MessageWriter();
    for (const range of this.#cut(this.#from, this.#to, infinity)) writer.add(range);
    return writer.bytes;
  }

  /** Returns a shorter first message. It costs one more message if the sets are not equal. */
  beginWithOne(): Uint8Array<ArrayBuffer> {
    const writer = new MessageWriter();
    const fingerprint = this.#items.fingerprint(this.#from, this.#to);
    writer.add({ end: infinity, mode: 'fingerprint', fingerprint });
    return writer.bytes;
  }

  /** Answers a message of the side that began. @throws PeerloomError `ERR_PROTOCOL`. */
  answer(message: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#walk(message, undefined).bytes;
  }

  /** Reads an answer, on the side that began. @throws PeerloomError `ERR_PROTOCOL`. */
  resume(answer: Uint8Array): Progress {
    const have: string[] = [];
    const need: Needed[] = [];
    const writer = this.#walk(answer, ({ ids, from, to, fromTimestamp }) => {
      const missing = new Set(ids.map(bytesToHex));
      for (let index = from; index < to; index++) {
        const id = this.#items.hexAt(index);
        if (!missing.delete(id)) have.push(id);
      }
      for (const id of missing) need.push({ id, fromTimestamp });
    });
    return { message: writer.length === 1 ? undefined : writer.bytes, have, need };
  }

  /**
   * Goes through the ranges of a message, and writes the next one.
   *
   * @param onListed called for each list of the other side. Without it, lists are answered with lists.
   */
  #walk(message: Uint8Array, onListed: ((listed: Listed) => void) | undefined): MessageWriter {
    const items = this.#items;
    const writer = new MessageWriter();
    let from = this.#from;
    let start: Bound = { timestamp: 0, prefix: new Uint8Array(0) };
    let isSkipping = false;
    for (const range of readMessage(message)) {
      const { length } = writer;
      let to = items.indexOf(range.end, from, this.#to);
      let ranges: readonly Range[] = [];
      if (range.mode === 'fingerprint') {
        if (!equal(range.fingerprint, items.fingerprint(from, to))) ranges = this.#cut(from, to, range.end);
      } else if (range.mode === 'idList') {
        if (onListed === undefined) {
          const ids = this.#idsThatFit(from, to, length);
          const end = from + ids.length === to ? range.end : this.#boundAt(from + ids.length);
          ranges = [{ end, mode: 'idList', ids }];
          to = from + ids.length;
        } else {
          onListed({ ids: range.ids, from, to, fromTimestamp: start.timestamp });
        }
      }
      if (ranges.length > 0 && isSkipping) writer.add({ end: start, mode: 'skip' });
      isSkipping = ranges.length === 0;
      for (const each of ranges) writer.add(each);
      if (writer.length > this.#fullAtBytes) {
        // A list is not removed, because it was made to fit.
        if (range.mode !== 'idList') writer.cutBack(length);
        writer.add({ end: infinity, mode: 'fingerprint', fingerprint: items.fingerprint(to, this.#to) });
        break;
      }
      from = to;
      start = range.end;
    }
    return writer;
  }

  /** @param writtenBytes the length of the message so far. */
  #idsThatFit(from: number, to: number, writtenBytes: number): readonly Uint8Array[] {
    const room = Math.max(0, Math.floor((this.#fullAtBytes - writtenBytes) / idBytes) + 1);
    const count = Math.min(to - from, room);
    return Array.from({ length: count }, (_, at) => this.#items.idAt(from + at));
  }

  /** Returns ranges that cover the items from `from` up to `to`. The last range ends at `end`. */
  #cut(from: number, to: number, end: Bound): readonly Range[] {
    const items = this.#items;
    const count = to - from;
    if (count < minItemsToCut) {
      const ids = Array.from({ length: count }, (_, at) => items.idAt(from + at));
      return [{ end, mode: 'idList', ids }];
    }
    const ranges: Range[] = [];
    let at = from;
    for (let part = 0; part < parts; part++) {
      // If the count is not divisible, the first parts have one item more.
      const next = at + Math.floor(count / parts) + (part < count % parts ? 1 : 0);
      const partEnd = next === to ? end : this.#boundBetween(next - 1, next);
      ranges.push({ end: partEnd, mode: 'fingerprint', fingerprint: items.fingerprint(at, next) });
      at = next;
    }
    return ranges;
  }

  #boundAt(index: number): Bound {
    return { timestamp: this.#items.timeAt(index), prefix: this.#items.idAt(index) };
  }

  /** Returns the shortest bound that is above an item and not above the next one. */
  #boundBetween(index: number, next: number): Bound {
    const { timestamp, prefix } = this.#boundAt(next);
    if (timestamp !== this.#items.timeAt(index)) return { timestamp, prefix: prefix.subarray(0, 0) };
    const before = this.#items.idAt(index);
    let same = 0;
    while (prefix[same] === before[same]) same++;
    return { timestamp, prefix: prefix.subarray(0, same + 1) };
  }
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, at) => byte === other[at]);
}
