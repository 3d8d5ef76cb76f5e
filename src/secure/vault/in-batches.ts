/** The number of values in a batch. It bounds the requests under way, and the time until other work gets a turn. */
const batchLength = 16;

/** Calls a function for each value, for a few values at a time. The results are in the order of the values. */
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
