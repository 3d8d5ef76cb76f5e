/** Bounds of {@link backoffDelayMs}, in milliseconds. */
export interface BackoffOptions {
  /** Upper bound before the first attempt; doubles with each further one. */
  readonly minDelayMs: number;
  /** The bound stops growing here. */
  readonly maxDelayMs: number;
}

/** 2³¹ ms is as long as a timer can wait; stopping there also keeps `0 * Infinity` out of the product. */
const maxDoublings = 31;

/**
 * How long to wait before an attempt: exponential backoff with full jitter, as in Marc Brooker, "Exponential
 * Backoff And Jitter" (AWS Architecture Blog, 2015). The delay is drawn evenly from zero to a bound that doubles
 * with each attempt, so that nodes which lost the same peer at the same moment do not come back in step.
 *
 * @param attempt counts from 1.
 * @param random gives numbers from 0 up to, without, 1.
 * @returns whole milliseconds, below the bound.
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions, random: () => number): number {
  return Math.floor(random() * backoffBoundMs(attempt, options));
}

/** The longest that {@link backoffDelayMs} can be for that attempt. */
export function backoffBoundMs(attempt: number, { minDelayMs, maxDelayMs }: BackoffOptions): number {
  const doublings = Math.min(attempt - 1, maxDoublings);
  return Math.min(minDelayMs * 2 ** doublings, maxDelayMs);
}
