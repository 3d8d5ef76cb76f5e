import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkOptions, checkSignal, checkTimeout, messageOf, shown } from '../../../src/base/arguments.ts';

suite('options', () => {
  test('are refused with the name that is not known, and those that are', () => {
    checkOptions({ a: 1 }, ['a', 'b']);
    checkOptions({}, []);
    assert.throws(
      () => checkOptions({ a: 1, c: undefined }, ['a', 'b']),
      new TypeError('c is not an option. The options are a, b'),
    );
    assert.throws(
      () => checkOptions({ toString: 1 }, ['a'], 'limits'),
      new TypeError('limits.toString is not an option. The options are a'),
    );
  });

  test('that are no object are refused with what they are', () => {
    for (const given of [5, 'zlib', null, undefined, [], () => {}]) {
      assert.throws(
        () => checkOptions(given as never, ['a']),
        new TypeError(`options must be an object, not ${shown(given)}`),
      );
    }
    assert.throws(
      () => checkOptions(5 as never, [], 'vault'),
      new TypeError('vault must be an object, not 5'),
    );
  });
});

test('a time to wait is a number above 0, for ever too', () => {
  for (const timeoutMs of [1, 0.5, Number.POSITIVE_INFINITY]) checkTimeout(timeoutMs);
  for (const timeoutMs of [0, -1, Number.NaN]) {
    assert.throws(
      () => checkTimeout(timeoutMs),
      new RangeError(`timeoutMs must be above 0, not ${timeoutMs}`),
    );
  }
  for (const timeoutMs of ['1', null, 1n, {}]) {
    assert.throws(
      () => checkTimeout(timeoutMs),
      new TypeError(`timeoutMs must be a number, not ${shown(timeoutMs)}`),
    );
  }
});

test('a signal is an AbortSignal, where there is one', () => {
  checkSignal(undefined);
  checkSignal(AbortSignal.abort());
  for (const signal of [null, 'x', {}, new AbortController()]) {
    assert.throws(
      () => checkSignal(signal),
      new TypeError(`signal must be an AbortSignal, not ${shown(signal)}`),
    );
  }
});

test('values are shown as they stand in a program, or by their kind, and texts no longer than a line', () => {
  class Own {}
  const values: [unknown, string][] = [
    ['10001', "'10001'"],
    ['a\u001b[2Jb', "'a[2Jb'"],
    ['x'.repeat(101), `'${'x'.repeat(100)}…'`],
    [5, '5'],
    [Number.NaN, 'NaN'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [() => {}, 'a function'],
    [['tcp'], 'a list'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [new (class {})(), 'an object'],
    [new Own(), 'an instance of Own'],
  ];
  for (const [value, text] of values) assert.equal(shown(value), text);
});

/** Values that a user function may throw, or give as a reason, and that break who looks at them without care. */
function oddValues(): [unknown, string][] {
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const hostile = {
    get message(): string {
      throw new Error('a getter that throws');
    },
    get constructor(): never {
      throw new Error('another one');
    },
  };
  return [
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [5n, '5'],
    ['text', 'text'],
    [Object.create(null), 'an object'],
    [{ message: 5 }, 'an object'],
    [{ message: 'of an object' }, 'of an object'],
    [new Error('of an error'), 'of an error'],
    [revoked, 'an object that throws when it is looked at'],
    [hostile, 'an object that throws when it is looked at'],
  ];
}

test('whatever was thrown has a text', () => {
  for (const [thrown, text] of oddValues()) assert.equal(messageOf(thrown), text);
});
