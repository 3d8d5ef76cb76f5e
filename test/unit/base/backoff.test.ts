import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffDelayMs } from '../../../src/base/backoff.ts';

const options = { minDelayMs: 1_000, maxDelayMs: 60_000 };
const almostOne = 1 - Number.EPSILON / 2;

test('the bound doubles from the minimum to the maximum, and stays there', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 1_000_000].map((trial) =>
    backoffDelayMs(trial, options, () => almostOne),
  );
  assert.deepEqual(delays, [999, 1_999, 3_999, 7_999, 15_999, 31_999, 59_999, 59_999, 59_999]);
});

test('the jitter is full: a delay is the same share of the bound as the random number is of one', () => {
  for (const share of [0, 0.25, 0.5, 0.75]) {
    assert.equal(
      backoffDelayMs(3, options, () => share),
      4_000 * share,
    );
  }
});

test('delays are whole milliseconds', () => {
  assert.equal(
    backoffDelayMs(1, options, () => 0.123456),
    123,
  );
});

test('a minimum of zero means no delay, however many trials there were', () => {
  for (const trial of [1, 2, 100_000]) {
    assert.equal(
      backoffDelayMs(trial, { ...options, minDelayMs: 0 }, () => almostOne),
      0,
    );
  }
});

test('a maximum below the minimum wins', () => {
  assert.equal(
    backoffDelayMs(1, { minDelayMs: 1_000, maxDelayMs: 10 }, () => 0.5),
    5,
  );
});
