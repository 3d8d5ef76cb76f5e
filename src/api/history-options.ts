import { checkOptions, checkType, checkWholeWithin, shown } from '../base/arguments.ts';
import { checkStoreName, requireIndexedDb } from '../base/page-store.ts';

/** How much of a topic a node keeps: the option `history` of {@link Node.subscribe}. */
export interface HistoryOptions {
  /**
   * The latest broadcasts of the topic that the node keeps, of all origins together. From 1 to 100,000. Default 1,000.
   */
  readonly maxMessages?: number | undefined;
  /**
   * The bytes of these broadcasts: 114 and the topic for each, beside its content; also in memory, if there is no `path`.
   * At least 2 MiB. Default 16 MiB.
   */
  readonly maxBytes?: number | undefined;
  /** The age in milliseconds at which the node evicts a broadcast. Above 0. Default: none is too old. */
  readonly maxAgeMs?: number | undefined;
  /**
   * The file in which the node keeps them (SQLite), so that they are there when it starts again. Each topic needs a file
   * of its own. Only in Node.js. Default: none, which keeps them in memory.
   */
  readonly path?: string | undefined;
  /**
   * The name under which a page keeps them in the browser (IndexedDB), for its origin: 1 to 256 characters. Each topic
   * needs a store of its own, which one page at a time may use. They are in memory, too. Default: none.
   */
  readonly store?: string | undefined;
}

/** All of {@link HistoryOptions}. */
export interface ResolvedHistoryOptions {
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** `Infinity`: none is too old. */
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
