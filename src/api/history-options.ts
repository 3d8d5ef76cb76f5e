import { checkOptions, checkType, checkWholeWithin, shown } from '../base/arguments.ts';
import { checkStoreName, requireIndexedDb } from '../base/store-name.ts';

/** How much of a topic a node keeps: the option `history` of {@link Node.subscribe}. */
export interface HistoryOptions {
  /**
   * How many of the topic's latest broadcasts the node keeps, of all origins together. From 1 to 100,000. Default
   * 1,000.
   */
  readonly maxMessages?: number | undefined;
  /**
   * The most bytes of these broadcasts. Each counts its content, its topic and 114 bytes. Without `path`, they are in
   * memory. At least 2 MiB. Default 16 MiB.
   */
  readonly maxBytes?: number | undefined;
  /** The age in milliseconds at which the node evicts a broadcast. Above 0. Default: no limit. */
  readonly maxAgeMs?: number | undefined;
  /**
   * The SQLite file in which the node keeps them, so that they survive a restart. Each topic needs its own file.
   * Node.js only. Default none: they are in memory.
   */
  readonly path?: string | undefined;
  /**
   * The name of the IndexedDB store in which a page keeps them, within its origin: 1 to 256 characters. Each topic
   * needs its own store, which one page at a time may use. They are in memory, too. Default: none.
   */
  readonly store?: string | undefined;
}

/** All of {@link HistoryOptions}. */
export interface ResolvedHistoryOptions {
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** `Infinity`: no limit. */
  readonly maxAgeMs: number;
  readonly path: string | undefined;
  readonly store: string | undefined;
}

export function isSameHistory(one: ResolvedHistoryOptions, other: ResolvedHistoryOptions): boolean {
  return (Object.keys(one) as (keyof ResolvedHistoryOptions)[]).every((name) => one[name] === other[name]);
}

const defaults = { maxMessages: 1_000, maxBytes: 16 * 1_048_576, maxAgeMs: Number.POSITIVE_INFINITY };

/** In memory, each message costs up to 0.5 KiB beside its bytes. */
const mostMessages = 100_000;

/** Any broadcast must fit. */
const fewestBytes = 2 * 1_048_576;

/** @throws TypeError or RangeError with the rule and the value. */
export function checkHistoryOptions(given: HistoryOptions): ResolvedHistoryOptions {
  checkOptions(given, ['maxMessages', 'maxBytes', 'maxAgeMs', 'path', 'store'], 'history');
  const { path, store } = given;
  const maxMessages = given.maxMessages ?? defaults.maxMessages;
  checkWholeWithin('history.maxMessages', maxMessages, [1, mostMessages]);
  const maxBytes = checkNumber('maxBytes', given.maxBytes ?? defaults.maxBytes);
  const maxAgeMs = checkNumber('maxAgeMs', given.maxAgeMs ?? defaults.maxAgeMs);
  if (!Number.isSafeInteger(maxBytes) || maxBytes < fewestBytes) {
    throw new RangeError(
      `history.maxBytes must be a whole number of at least ${fewestBytes}, not ${maxBytes}`,
    );
  }
  if (!(maxAgeMs > 0)) throw new RangeError(`history.maxAgeMs must be above 0, not ${maxAgeMs}`);
  if (path !== undefined && (typeof path !== 'string' || path === '')) {
    throw new TypeError(`history.path must be the path of a file, not ${shown(path)}`);
  }
  if (store !== undefined) {
    checkStoreName('history.store', store);
    if (path !== undefined) throw new TypeError('history must not have both path and store');
    requireIndexedDb('history.store');
  }
  return { maxMessages, maxBytes, maxAgeMs, path, store };
}

function checkNumber(name: string, value: number): number {
  return checkType(`history.${name}`, value, 'number');
}
