import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { defaultLimits, type Limits, resolveLimits } from '../../../src/base/limits.ts';

test('without any, all have their defaults, as the design has them', () => {
  const limits = resolveLimits();
  assert.deepEqual(limits, defaultLimits);
  const { maxMessageBytes, queueHighWaterBytes, queueMaxBytes, unhandledMaxBytes } = limits;
  assert.deepEqual(
    [maxMessageBytes, queueHighWaterBytes, queueMaxBytes, unhandledMaxBytes].map((bytes) => bytes / 2 ** 20),
    [16, 1, 32, 4],
  );
});

test('given ones take the place of the defaults; what was given stays as it is', () => {
  const given = Object.freeze({ maxMessageBytes: 1_000, pingAfterMs: undefined as never });
  const limits = resolveLimits(given);
  assert.deepEqual(limits, { ...defaultLimits, maxMessageBytes: 1_000 });
  assert.ok(Object.isFrozen(limits));
});

test('the number of connections from one address may be without a limit', () => {
  assert.equal(resolveLimits({ maxInboundPerAddress: 0 }).maxInboundPerAddress, 0);
});

test('the window of streams may be as large as docs/limits.md says, and no larger', () => {
  const memoryBudgetBytes = 2 ** 40;
  const resolve = (streamWindowBytes: number) => resolveLimits({ streamWindowBytes, memoryBudgetBytes });
  assert.equal(resolve(2 ** 30).streamWindowBytes, 2 ** 30);
  assert.throws(
    () => resolve(2 ** 30 + 1),
    RangeError('limits.streamWindowBytes must be at most 1073741824, not 1073741825'),
  );
});

test('the cap of the queue may be lowered alone', () => {
  assert.equal(resolveLimits({ queueMaxBytes: 1_000 }).queueMaxBytes, 1_000);
});

suite('what is no limit is refused:', () => {
  const wrong: [unknown, new (message: string) => Error, RegExp][] = [
    [null, TypeError, /limits must be an object, not null/],
    [5, TypeError, /limits must be an object, not 5/],
    [{ speed: 5 }, TypeError, /limits\.speed is not an option.* The options are handshakeTimeoutMs, /],
    [{ toString: 5 }, TypeError, /limits\.toString is not an option/],
    [{ maxMessageBytes: '5' }, TypeError, /limits\.maxMessageBytes must be a number, not '5'/],
    [{ maxMessageBytes: null }, TypeError, /limits\.maxMessageBytes must be a number, not null/],
    [{ maxHalfOpen: 0 }, RangeError, /limits\.maxHalfOpen must be a whole number of at least 1, not 0/],
    [{ maxInboundPerAddress: -1 }, RangeError, /limits\.maxInboundPerAddress .* at least 0, not -1/],
    [{ maxMessageBytes: 1.5 }, RangeError, /not 1.5/],
    [{ maxMessageBytes: Number.NaN }, RangeError, /not NaN/],
    [{ queueMaxBytes: Number.POSITIVE_INFINITY }, RangeError, /not Infinity/],
    [
      { pingAfterMs: 45_000 },
      RangeError,
      /limits\.deadAfterMs must be above limits\.pingAfterMs, 45000, not 45000/,
    ],
    [
      { deadAfterMs: 10_000 },
      RangeError,
      /limits\.deadAfterMs must be above limits\.pingAfterMs, 15000, not 10000/,
    ],
    [
      { queueHighWaterBytes: 2 ** 26 },
      RangeError,
      /limits\.queueHighWaterBytes must be at most limits\.queueMaxBytes, 33554432, not 67108864/,
    ],
    [
      { memoryBudgetBytes: 2 ** 24 },
      RangeError,
      /limits\.memoryBudgetBytes must be at least limits\.queueMaxBytes, 33554432, not 16777216/,
    ],
    [
      { maxMessageBytes: 2 ** 29 },
      RangeError,
      /limits\.memoryBudgetBytes must be at least limits\.maxMessageBytes, 536870912, not 268435456/,
    ],
  ];
  for (const [given, kind, message] of wrong) {
    test(String(message), () => {
      assert.throws(
        () => resolveLimits(given as Partial<Limits>),
        (error) => error instanceof kind && message.test(error.message),
      );
    });
  }
});
