import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHistoryOptions, type HistoryOptions } from '../../../src/api/history-options.ts';
import { PeerloomError } from '../../../src/base/errors.ts';

test('a history has its defaults, and takes what is given', () => {
  const defaults = {
    maxMessages: 1_000,
    maxBytes: 2 ** 24,
    maxAgeMs: Number.POSITIVE_INFINITY,
    path: undefined,
    store: undefined,
  };
  assert.deepEqual(checkHistoryOptions({}), defaults);
  const given = { maxMessages: 100_000, maxBytes: 2 ** 21, maxAgeMs: 1, path: 'chat.db', store: undefined };
  assert.deepEqual(checkHistoryOptions(given), given);
});

const wrong: [HistoryOptions, typeof TypeError | typeof RangeError | typeof PeerloomError, RegExp][] = [
  [{ maxMessages: 0 }, RangeError, /history\.maxMessages must be a whole number from 1 to 100000, not 0/],
  [{ maxMessages: 100_001 }, RangeError, /history\.maxMessages/],
  [{ maxMessages: 1.5 }, RangeError, /history\.maxMessages/],
  [{ maxMessages: '7' as never }, TypeError, /history\.maxMessages must be a number, not '7'/],
  [{ maxBytes: 2 ** 21 - 1 }, RangeError, /history\.maxBytes must be a whole number of at least 2097152/],
  [{ maxAgeMs: 0 }, RangeError, /history\.maxAgeMs must be above 0, not 0/],
  [{ maxAgeMs: Number.NaN }, RangeError, /history\.maxAgeMs/],
  [{ path: '' }, TypeError, /history\.path must be the path of a file/],
  [{ path: 7 as never }, TypeError, /history\.path/],
  [{ store: '' }, TypeError, /history\.store must be a name of your choice, not ''/],
  [{ store: 'a'.repeat(257) }, RangeError, /history\.store must be at most 256 characters long, not 257/],
  [{ store: 'chat', path: 'chat.db' }, TypeError, /history must not have both path and store/],
  [{ store: 'chat' }, PeerloomError, /history\.store needs IndexedDB/],
  [{ messages: 7 } as never, TypeError, /history\.messages is not an option/],
  [true as never, TypeError, /history must be an object, not true/],
];
for (const [options, kind, message] of wrong) {
  test(`a history with ${JSON.stringify(options)} is refused`, () => {
    assert.throws(
      () => checkHistoryOptions(options),
      (error) => error instanceof kind && message.test(error.message),
    );
  });
}
