/** How long it computes before everything else gets a turn, and how many requests are under way. */
const batchLength = 16;

/** Does something for each value, some of them at a time; the results are in the order of the values. */
export async function inBatches<Value, Result>(
  values: readonly Value[],
  work: (value: Value) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < values.length; start += batchLength) {
    results.push(...(await Promise.all(values.slice(start, start + batchLength).map(work))));
  }
  return results;
}
