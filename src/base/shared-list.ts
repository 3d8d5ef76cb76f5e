/** Returns the earlier list if both have the same items, so that the later list need not be kept. */
export function sharedList<Item>(earlier: readonly Item[], later: readonly Item[]): readonly Item[] {
  const isSame = earlier.length === later.length && earlier.every((item, index) => item === later[index]);
  return isSame ? earlier : later;
}
