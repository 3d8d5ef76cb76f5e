import { groupSize, maxTables, minTables } from './format.ts';

/** A Huffman code: the bits of each symbol, and their number. */
export interface CodeTable {
  readonly codes: Uint32Array;
  readonly lengths: Uint8Array;
}

/** Shorter than the format allows, as in all encoders. */
const maxWrittenBits = 17;

/** How many times each group chooses the best table, and each table is then fitted to its groups. */
const rounds = 4;

/**
 * Chooses a few code tables, and for each group of 50 symbols the table that encodes it shortest. `symbolCount` is the
 * size of the alphabet; each symbol of it gets a code in each table.
 */
export function chooseTables(
  symbols: Uint16Array,
  symbolCount: number,
): { tables: readonly CodeTable[]; selectors: Uint8Array } {
  const groupCount = Math.ceil(symbols.length / groupSize);
  const tableCount = Math.max(minTables, Math.min(maxTables, Math.ceil(Math.log2(groupCount + 1))));
  let lengths = firstLengths(symbols, symbolCount, tableCount);
  const selectors = new Uint8Array(groupCount);
  for (let round = 0; round < rounds; round++) {
    const counts = lengths.map(() => new Uint32Array(symbolCount));
    for (let group = 0; group < groupCount; group++) {
      const members = symbols.subarray(group * groupSize, (group + 1) * groupSize);
      const table = cheapest(lengths, members);
      selectors[group] = table;
      for (const symbol of members) counts[table]![symbol]!++;
    }
    lengths = counts.map(codeLengths);
  }
  return { tables: lengths.map((of) => ({ lengths: of, codes: canonicalCodes(of) })), selectors };
}

/** The first tables: each is good at its own share of the symbols, and all shares occur equally often. */
function firstLengths(symbols: Uint16Array, symbolCount: number, tableCount: number): Uint8Array[] {
  const counts = new Uint32Array(symbolCount);
  for (const symbol of symbols) counts[symbol]!++;
  let symbol = 0;
  let counted = 0;
  return Array.from({ length: tableCount }, (_, table) => {
    const lengths = new Uint8Array(symbolCount).fill(15);
    const share = (symbols.length * (table + 1)) / tableCount;
    for (; symbol < symbolCount && counted < share; symbol++) {
      counted += counts[symbol]!;
      lengths[symbol] = 1;
    }
    return lengths;
  });
}

function cheapest(lengths: readonly Uint8Array[], members: Uint16Array): number {
  let best = 0;
  let bestBits = Number.POSITIVE_INFINITY;
  for (let table = 0; table < lengths.length; table++) {
    let bits = 0;
    for (let index = 0; index < members.length; index++) bits += lengths[table]![members[index]!]!;
    if (bits < bestBits) {
      best = table;
      bestBits = bits;
    }
  }
  return best;
}

/** Huffman's code lengths. A symbol that does not occur is counted once, so that each symbol has a code. */
function codeLengths(counts: Uint32Array): Uint8Array {
  let weights = Float64Array.from(counts, (count) => Math.max(1, count));
  for (;;) {
    const lengths = huffmanLengths(weights);
    if (Math.max(...lengths) <= maxWrittenBits) return lengths;
    weights = weights.map((weight) => Math.ceil(weight / 2));
  }
}

/** Joins the two lightest trees until one is left. Leaves and joined trees wait in two ascending queues. */
function huffmanLengths(weights: Float64Array): Uint8Array {
  const count = weights.length;
  const leaves = Uint16Array.from(weights.keys()).sort((a, b) => weights[a]! - weights[b]!);
  const weightOf = new Float64Array(2 * count - 1);
  const parent = new Uint16Array(2 * count - 1);
  for (let place = 0; place < count; place++) weightOf[place] = weights[leaves[place]!]!;

  let leaf = 0;
  let joined = count;
  for (let tree = count; tree < 2 * count - 1; tree++) {
    for (let half = 0; half < 2; half++) {
      const takeLeaf = leaf < count && (joined === tree || weightOf[leaf]! <= weightOf[joined]!);
      const lightest = takeLeaf ? leaf++ : joined++;
      weightOf[tree]! += weightOf[lightest]!;
      parent[lightest] = tree;
    }
  }
  const depths = new Uint8Array(2 * count - 1);
  for (let tree = 2 * count - 3; tree >= 0; tree--) depths[tree] = depths[parent[tree]!]! + 1;
  const lengths = new Uint8Array(count);
  for (let place = 0; place < count; place++) lengths[leaves[place]!] = depths[place]!;
  return lengths;
}

/** Shorter codes first, equal lengths in symbol order. */
function canonicalCodes(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= maxWrittenBits; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === length) codes[symbol] = code++;
    }
    code *= 2;
  }
  return codes;
}
