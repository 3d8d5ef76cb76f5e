import { checkOptions, checkWhole, definedOf } from '../base/arguments.ts';

/** When a node reconnects, and how often it tries. */
export interface ReconnectOptions {
  /**
   * The longest wait before the first attempt, in milliseconds. It doubles with each attempt; the actual wait is a
   * random part of it. Default 1,000.
   */
  readonly minDelayMs?: number | undefined;
  /** The longest wait between two attempts, in milliseconds. Default 60,000. */
  readonly maxDelayMs?: number | undefined;
  /** Consecutive failed attempts before the node gives up. Default `Infinity`. */
  readonly maxTrials?: number | undefined;
}

/** {@link ReconnectOptions}, completed with the defaults. */
export type ReconnectPolicy = { readonly [Name in keyof ReconnectOptions]-?: number };

export const defaultReconnect = {
  minDelayMs: 1_000,
  maxDelayMs: 60_000,
  maxTrials: Number.POSITIVE_INFINITY,
} as const satisfies ReconnectOptions;

/** @throws TypeError or RangeError with the option's name, the rule and the value. */
export function resolveReconnect(given: ReconnectOptions = {}): ReconnectPolicy {
  checkOptions(given, Object.keys(defaultReconnect), 'reconnect');
  const { minDelayMs, maxDelayMs, maxTrials } = { ...defaultReconnect, ...definedOf(given) };
  checkWhole('reconnect.minDelayMs', minDelayMs, 1);
  checkWhole('reconnect.maxDelayMs', maxDelayMs, minDelayMs);
  if (maxTrials !== Number.POSITIVE_INFINITY) checkWhole('reconnect.maxTrials', maxTrials, 1);
  return { minDelayMs, maxDelayMs, maxTrials };
}
