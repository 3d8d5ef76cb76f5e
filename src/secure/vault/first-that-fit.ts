import type { SealedItem } from './item.ts';
import type { LogEntry } from './manifest.ts';
import { maxDelivered } from './vault-limits.ts';

/** What an item takes in a delivery beside its body and its names; a character takes three bytes at most. */
const headerBytes = 400;
const maxCharacterBytes = 3;

/** The first items that fit into one delivery, at least one, and whether there are more. */
export function firstItems(
  all: Iterable<SealedItem>,
  maxBytes: number,
): { readonly items: SealedItem[]; readonly more: boolean } {
  const { taken, more } = firstThatFit(all, itemBytes, maxBytes);
  return { items: taken, more };
}

/** The first entries of a log that fit into one delivery, at least one. @param all their JSON. */
export function firstEntries(all: Iterable<string>, collection: string, maxBytes: number): LogEntry[] {
  const entryBytes = (entry: string): number => entry.length + maxCharacterBytes * collection.length;
  return firstThatFit(all, entryBytes, maxBytes).taken.map((entry) => JSON.parse(entry));
}

/** About how many bytes an item takes, a few more at most. */
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
