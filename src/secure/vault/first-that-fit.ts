import type { SealedItem } from './item.ts';
import type { LogEntry } from './manifest.ts';
import { maxDelivered } from './vault-limits.ts';

/**
 * Bytes that an item takes in a delivery in addition to its body and its names. A character of a name takes at most
 * three bytes.
 */
const headerBytes = 400;
const maxCharacterBytes = 3;

/** Returns the first items that fit into one delivery, at least one, and whether there are more. */
export function firstItems(
  all: Iterable<SealedItem>,
  maxBytes: number,
): { readonly items: SealedItem[]; readonly more: boolean } {
  const { taken, more } = firstThatFit(all, itemBytes, maxBytes);
  return { items: taken, more };
}

/** Returns the first entries of a log that fit into one delivery, at least one. @param all the JSON of the entries. */
export function firstEntries(all: Iterable<string>, collection: string, maxBytes: number): LogEntry[] {
  const entryBytes = (entry: string): number => entry.length + maxCharacterBytes * collection.length;
  return firstThatFit(all, entryBytes, maxBytes).taken.map((entry) => JSON.parse(entry));
}

/** An upper estimate of the bytes that an item takes. */
function itemBytes({ collection, item, body }: SealedItem): number {
  return body.length + headerBytes + maxCharacterBytes * (collection.length + item.length);
}

function firstThatFit<Value>(
  all: Iterable<Value>,
  bytesOf: (value: Value) => number,
  maxBytes: number,
): { taken: Value[]; more: boolean } {
  const taken: Value[] = [];
  let bytes = 0;
  for (const value of all) {
    bytes += bytesOf(value);
    const isFull = taken.length === maxDelivered || (bytes > maxBytes && taken.length > 0);
    if (isFull) return { taken, more: true };
    taken.push(value);
  }
  return { taken, more: false };
}
