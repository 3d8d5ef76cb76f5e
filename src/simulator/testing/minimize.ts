/**
 * Finds a smaller list that still fails, by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input", 2002): it leaves out half of the list, then quarters, and so on. Every item of the result is
 * needed for the failure.
 *
 * @param fails resolves with whether a part of the list still fails. The whole list must fail.
 */
export async function minimize<Item>(
  items: readonly Item[],
  fails: (part: readonly Item[]) => Promise<boolean>,
): Promise<readonly Item[]> {
  let kept = items;
  let size = Math.ceil(items.length / 2);
  while (kept.length > 0) {
    const before = kept.length;
    for (let start = 0; start < kept.length; ) {
      const part = kept.toSpliced(start, size);
      if (await fails(part)) kept = part;
      else start += size;
    }
    // Once an item is left out, items that only it needed can be left out too.
    if (size > 1) size = Math.ceil(size / 2);
    else if (kept.length === before) break;
  }
  return kept;
}
