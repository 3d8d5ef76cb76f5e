/** Returns the earlier list if both hold the same, so that the later one need not be kept. */
export function sharedList<Item>(earlier: readonly Item[], later: readonly Item[]): readonly Item[] {
  const isSame = earlier.length === later.length && earlier.every((item, index) => item === later[index]);
  return isSame ? earlier : later;
}
