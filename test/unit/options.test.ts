import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity, memory, type NodeOptions, systemRuntime, tcp } from '../../src/index.ts';
import { defaultLimits } from '../../src/limits.ts';
import { checkConnectOptions, resolveOptions } from '../../src/options.ts';
import { withCode } from '../support/errors.ts';

test('without any, everything has its default', () => {
  const { identity, transports, ...rest } = resolveOptions();
  assert.ok(identity instanceof Identity);
  assert.deepEqual(
    transports.map(({ schemes }) => schemes),
    [tcp().schemes],
  );
  assert.deepEqual(rest, {
    name: '',
    network: '',
    callback: undefined,
    authorize: undefined,
    networkKey: undefined,
    debug: false,
    maxConnections: 128,
    allow: undefined,
    deny: new Set(),
    reconnect: { minDelayMs: 1_000, maxDelayMs: 60_000, maxTrials: Number.POSITIVE_INFINITY },
    limits: defaultLimits,
    runtime: systemRuntime,
  });
});

test('undefined means the default', () => {
  const names = Object.keys(resolveOptions()) as (keyof NodeOptions)[];
  const nothing = Object.fromEntries(names.map((name) => [name, undefined])) as NodeOptions;
  const { identity: _, transports: __, ...rest } = resolveOptions(nothing);
  const { identity: ___, transports: ____, ...defaults } = resolveOptions();
  assert.deepEqual(rest, defaults);
  const reconnect = { minDelayMs: undefined, maxTrials: 3 } as object;
  assert.deepEqual(resolveOptions({ reconnect }).reconnect, {
    minDelayMs: 1_000,
    maxDelayMs: 60_000,
    maxTrials: 3,
  });
});

test('what is given is taken, and stays as it is', () => {
  const given = Object.freeze({
    name: 'alice',
    network: 'students',
    networkKey: 'key',
    debug: true,
    maxConnections: 0,
    callback: () => {},
    authorize: () => true,
    allow: Object.freeze(['a', 'b']),
    deny: new Set(['c']),
    reconnect: Object.freeze({ minDelayMs: 5 }),
    limits: Object.freeze({ maxMessageBytes: 1_000 }),
    identity: Identity.generate(),
    transports: Object.freeze([memory()]),
    runtime: { ...systemRuntime },
  });
  const resolved = resolveOptions(given);
  assert.deepEqual(resolved, {
    ...given,
    allow: new Set(['a', 'b']),
    deny: new Set(['c']),
    reconnect: { ...resolveOptions().reconnect, minDelayMs: 5 },
    limits: { ...defaultLimits, maxMessageBytes: 1_000 },
  });
  assert.equal(resolved.identity, given.identity);
  assert.ok(Object.isFrozen(resolved));
});

test('lists are read once: later changes to them do not count', () => {
  const allow = ['a'];
  const resolved = resolveOptions({ allow });
  allow.push('b');
  assert.deepEqual(resolved.allow, new Set(['a']));
});

suite('what cannot be is refused with its name, the rule and the value:', () => {
  const wrong: [object | null | string, new (message: string) => Error, RegExp][] = [
    [null, TypeError, /options must be an object, not null/],
    ['fast', TypeError, /options must be an object, not string/],
    [{ nmae: 'alice' }, TypeError, /nmae is not an option; there are name, debug, /],
    [{ name: 5 }, TypeError, /name must be a string, not number/],
    [{ name: 'x'.repeat(65) }, RangeError, /name must be at most 64 characters long, not 65/],
    [{ network: 5 }, TypeError, /network must be a string, not number/],
    [{ network: 'x'.repeat(257) }, RangeError, /network must be at most 256 characters long, not 257/],
    [{ networkKey: 5 }, TypeError, /networkKey must be a string, not number/],
    [{ networkKey: '' }, TypeError, /networkKey must not be empty/],
    [{ callback: 'text' }, TypeError, /callback must be a function, not string/],
    [{ authorize: true }, TypeError, /authorize must be a function, not boolean/],
    [{ debug: 'yes' }, TypeError, /debug must be a boolean, not string/],
    [{ maxConnections: -1 }, RangeError, /maxConnections must be a whole number of at least 0, not -1/],
    [{ maxConnections: 1.5 }, RangeError, /maxConnections .* not 1.5/],
    [{ maxConnections: '5' }, TypeError, /maxConnections must be a number, not string/],
    [{ transports: [] }, TypeError, /transports must be a list with at least one transport/],
    [{ transports: tcp() }, TypeError, /transports must be a list/],
    [{ identity: 5 }, TypeError, /identity must be an Identity or \{ path, passphrase \}/],
    [{ identity: {} }, TypeError, /identity\.path must be the path of a file/],
    [{ allow: '12D3KooW' }, TypeError, /allow must be a list of ids, not a string/],
    [{ deny: 5 }, TypeError, /deny must be a list of ids, not a number/],
    [{ deny: [5] }, TypeError, /each id of deny must be a string, not number/],
    [{ limits: { maxMessageByte: 5 } }, TypeError, /limits\.maxMessageByte is not a limit/],
    [{ reconnect: true }, TypeError, /reconnect must be an object, not boolean/],
    [
      { reconnect: { minDelay: 5 } },
      TypeError,
      /reconnect\.minDelay is not an option; there are minDelayMs, /,
    ],
    [
      { reconnect: { minDelayMs: 0 } },
      RangeError,
      /reconnect\.minDelayMs must be a whole number of at least 1, not 0/,
    ],
    [{ reconnect: { minDelayMs: 70_000 } }, RangeError, /reconnect\.maxDelayMs .* at least 70000, not 60000/],
    [{ reconnect: { maxTrials: 0 } }, RangeError, /reconnect\.maxTrials .* at least 1, not 0/],
    [{ reconnect: { maxTrials: '3' } }, TypeError, /reconnect\.maxTrials must be a number, not string/],
  ];
  for (const [options, kind, message] of wrong) {
    test(String(message), () => {
      assert.throws(
        () => resolveOptions(options as NodeOptions),
        (error) => error instanceof kind && message.test(error.message),
      );
    });
  }
});

suite('the options of connectWithNode', () => {
  test('may all be left out', () => {
    checkConnectOptions({});
    checkConnectOptions({ id: 'x', reconnect: true, timeoutMs: Number.POSITIVE_INFINITY });
  });

  test('are refused at once when they cannot be', () => {
    const wrong: [object | null, RegExp][] = [
      [null, /options must be an object/],
      [{ id: 5 }, /id must be a string, not number/],
      [{ reconnect: 'yes' }, /reconnect must be a boolean, not string/],
      [{ timeoutMs: '5' }, /timeoutMs must be a number, not string/],
      [{ timeoutMs: 0 }, /timeoutMs must be above 0, not 0/],
      [{ timeoutMs: Number.NaN }, /timeoutMs must be above 0, not NaN/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => checkConnectOptions(options as object), message);
    }
    const signal = AbortSignal.abort(new Error('no longer'));
    assert.throws(
      () => checkConnectOptions({ signal }),
      (error: Error) => withCode('ERR_ABORTED')(error) && error.cause === signal.reason,
    );
  });
});
