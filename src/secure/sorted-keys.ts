import type { Steps } from '../base/steps.ts';

/** The cost of comparing a key, in addition to its characters. All of these may be equal to the other key's. */
const keyCost = 64;

/** The cost of the keys that are sorted or merged in one step. */
const stepCost = 128 * 1024;

/** Sorts like `Array.prototype.sort()`, by UTF-16 code units, in steps of about a millisecond. */
export function* sortedKeys(keys: string[]): Steps<string[]> {
  let runs: string[][] = [];
  let start = 0;
  for (let end = stepEnd(keys, start); end < keys.length; end = stepEnd(keys, start)) {
    runs.push(keys.slice(start, end).sort());
    start = end;
    yield;
  }
  runs.push((start === 0 ? keys : keys.slice(start)).sort());
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      merged.push(yield* mergedRuns(runs[index]!, runs[index + 1] ?? []));
    }
    runs = merged;
  }
  return runs[0]!;
}

function stepEnd(keys: readonly string[], start: number): number {
  let end = start;
  for (let cost = 0; end < keys.length && cost < stepCost; end++) cost += costOf(keys[end]!);
  return end;
}

function* mergedRuns(one: readonly string[], other: readonly string[]): Steps<string[]> {
  const merged: string[] = [];
  let cost = 0;
  let ofOne = 0;
  let ofOther = 0;
  while (ofOne < one.length && ofOther < other.length) {
    const first = one[ofOne]!;
    const second = other[ofOther]!;
    const isFirst = first < second;
    merged.push(isFirst ? first : second);
    if (isFirst) ofOne++;
    else ofOther++;
    cost += costOf(first);
    if (cost < stepCost) continue;
    cost = 0;
    yield;
  }
  return merged.concat(one.slice(ofOne), other.slice(ofOther));
}

function costOf({ length }: string): number {
  return keyCost + length;
}
