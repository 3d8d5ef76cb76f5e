/**
 * A hint for an unknown name.
 *
 * @returns `"; did you mean 'reconnect'?"` if a known name is so similar that a typing error explains the difference,
 * otherwise an empty text.
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const most = Math.min(Math.max(2, Math.floor(name.length / 3)), Math.floor(name.length / 2));
  let nearest: string | undefined;
  let least = most + 1;
  for (const one of known) {
    const distance = name.length > maxLength ? least : editDistance(plain(name), plain(one));
    if (distance < least) {
      least = distance;
      nearest = one;
    }
  }
  return nearest === undefined ? '' : `; did you mean '${nearest}'?`;
}

/** Longer names are not taken for typing errors. */
const maxLength = 64;

/** Names differ by case and underscores as well: `nodeMessage`, `node_message`, `message`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/_|^node/g, '');
}

/** How many characters must be inserted, deleted or replaced (Levenshtein). */
export function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let index = 1; index <= one.length; index++) {
    const next = [index];
    for (let column = 1; column <= other.length; column++) {
      const replaced = row[column - 1]! + (one[index - 1] === other[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
