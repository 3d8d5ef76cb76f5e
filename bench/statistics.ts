/** The value below which `share` of the values lie; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * A 95 % confidence interval for the median of what the values are drawn from. It assumes nothing of their
 * distribution: it lies between two order statistics (Conover, Practical Nonparametric Statistics, chapter 3).
 *
 * @returns `[-Infinity, Infinity]` for fewer than 6 values, which cannot give one.
 */
export function medianInterval(values: readonly number[]): readonly [low: number, high: number] {
  const sorted = Float64Array.from(values).sort();
  const { length } = sorted;
  // How many values lie below the median follows a binomial distribution with p = 1/2.
  let rank = 0;
  let probability = 0.5 ** length;
  let tail = probability;
  while (tail <= 0.025) {
    rank += 1;
    probability *= (length - rank + 1) / rank;
    tail += probability;
  }
  if (rank === 0) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return [sorted[rank - 1]!, sorted[length - rank]!];
}
