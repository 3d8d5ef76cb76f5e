/**
 * Sorts the rotations of a block, and returns their start positions in ascending order. It uses prefix doubling: once
 * the rotations are sorted by their first `width` bytes, the ranks of the positions `width` bytes further on sort them
 * by twice as many bytes. This takes log2(length) rounds at worst, whatever the bytes are.
 */
export function sortRotations(block: Uint8Array): Int32Array {
  const length = block.length;
  let ranks = Int32Array.from(block);
  let nextRanks = new Int32Array(length);
  const rows = new Int32Array(length);
  const nextRows = new Int32Array(length);
  const starts = new Int32Array(Math.max(256, length) + 1);

  for (let row = 0; row < length; row++) nextRows[row] = row;
  sortByRank(nextRows, ranks, { starts, into: rows });

  for (let width = 1; width < length; width *= 2) {
    for (let row = 0; row < length; row++) {
      const begin = rows[row]! - width;
      nextRows[row] = begin < 0 ? begin + length : begin;
    }
    sortByRank(nextRows, ranks, { starts, into: rows });

    let rank = 0;
    let before = rows[0]!;
    nextRanks[before] = 0;
    for (let row = 1; row < length; row++) {
      const begin = rows[row]!;
      if (
        ranks[begin] !== ranks[before] ||
        ranks[(begin + width) % length] !== ranks[(before + width) % length]
      )
        rank++;
      nextRanks[begin] = rank;
      before = begin;
    }
    if (rank === length - 1) break;
    [ranks, nextRanks] = [nextRanks, ranks];
  }
  return rows;
}

/** A counting sort: rows of equal rank keep their order. */
function sortByRank(
  rows: Int32Array,
  ranks: Int32Array,
  { starts, into }: { starts: Int32Array; into: Int32Array },
): void {
  starts.fill(0);
  for (let row = 0; row < ranks.length; row++) starts[ranks[row]! + 1]!++;
  for (let rank = 1; rank < starts.length; rank++) starts[rank]! += starts[rank - 1]!;
  for (let row = 0; row < rows.length; row++) into[starts[ranks[rows[row]!]!]!++] = rows[row]!;
}
