import { shown } from '../../base/arguments.ts';
import type { Node } from '../../node/node.ts';
import type { ChanceStream } from '../seeded-chance.ts';

/**
 * One node, a list of nodes, or how many nodes the seed picks. A number below 1 is a share of all candidates: 0.5 picks
 * half of them. The number 1 picks all of them. Other whole numbers pick that many.
 */
export type WhichNodes = number | Node | readonly Node[];

/** Picks some of the nodes, each with the same probability. Returns them in the order of their numbers. */
export function pickSome(candidates: readonly number[], which: number, chance: ChanceStream): number[] {
  const count = which <= 1 ? Math.round(which * candidates.length) : which;
  if (!(which >= 0) || !Number.isInteger(count)) {
    throw new RangeError(
      `a number of nodes must be a share such as 0.5, or a whole number, not ${shown(which)}`,
    );
  }
  const left = [...candidates];
  const picked: number[] = [];
  while (picked.length < count && left.length > 0) {
    const at = Math.floor(chance.random() * left.length);
    picked.push(left[at]!);
    left[at] = left.at(-1)!;
    left.pop();
  }
  return picked.sort((one, other) => one - other);
}
