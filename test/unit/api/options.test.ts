import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkConnectOptions } from '../../../src/api/connect-options.ts';
import { resolveOptions } from '../../../src/api/options.ts';
import { defaultLimits } from '../../../src/base/limits.ts';
import { Identity, memory, type NodeOptions, systemRuntime, tcp } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';

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
    p2pnetwork: { bigIntegers: false, broadcasts: false },
    relayBroadcasts: 'all',
    neighbourhood: undefined,
    presence: undefined,
    discovery: [],
    protocols: [],
    limits: defaultLimits,
    runtime: systemRuntime,
    recorder: undefined,
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
  const ids = [Identity.generate().id, Identity.generate().id];
  const protocol = { name: 'gossip/1', attach() {}, opened() {}, received() {}, closed() {} };
  const given = Object.freeze({
    name: 'a'.repeat(64),
    network: 's'.repeat(256),
    networkKey: 'key',
    debug: true,
    maxConnections: 0,
    callback: () => {},
    authorize: () => true,
    allow: Object.freeze(ids),
    deny: new Set(['0f'.repeat(64), ...ids]),
    reconnect: Object.freeze({ minDelayMs: 5 }),
    p2pnetwork: Object.freeze({ bigIntegers: true, broadcasts: true }),
    relayBroadcasts: 'subscribed',
    neighbourhood: 'manual',
    presence: Object.freeze({ everyMs: 1_000 }),
    discovery: Object.freeze([]),
    protocols: Object.freeze([protocol]),
    limits: Object.freeze({ maxMessageBytes: 1_000 }),
    identity: Identity.generate(),
    transports: Object.freeze([memory()]),
    runtime: { ...systemRuntime },
    recorder: { path: 'flight.jsonl', maxBytes: 2_000_000 },
  });
  const resolved = resolveOptions(given);
  assert.deepEqual(resolved, {
    ...given,
    allow: new Set(ids),
    deny: given.deny,
    neighbourhood: undefined,
    reconnect: { ...resolveOptions().reconnect, minDelayMs: 5 },
    limits: { ...defaultLimits, maxMessageBytes: 1_000 },
  });
  assert.equal(resolved.identity, given.identity);
  assert.ok(Object.isFrozen(resolved));
});

test('lists are read once: later changes to them do not count', () => {
  const { id } = Identity.generate();
  const allow = [id];
  const resolved = resolveOptions({ allow });
  allow.push(Identity.generate().id);
  assert.deepEqual(resolved.allow, new Set([id]));
});

/** Texts that a slip of the pen makes of an id, by what is wrong with them. */
const id = Identity.fromSeed(new Uint8Array(32).fill(7)).id;
const slips: Record<string, string> = {
  'a space before it': ` ${id}`,
  'a line feed behind it': `${id}\n`,
  'small letters': id.toLowerCase(),
  capitals: id.toUpperCase(),
  'a letter too few': id.slice(0, -1),
  'a letter too many': `${id}x`,
  'a letter that base58 lacks': id.replace(/.$/, '0'),
  'an id of another key in wide letters': `１${id.slice(1)}`,
  'an invisible character': `${id.slice(0, 20)}\u200b${id.slice(20)}`,
  'half of a surrogate pair': 'a Python node \ud800',
  'a digest in capitals': '0F'.repeat(64),
  nothing: '',
};

suite('an id that no node can have is refused, by what is wrong with it:', () => {
  for (const [slip, text] of Object.entries(slips)) {
    test(slip, () => {
      assert.throws(() => resolveOptions({ allow: [id, text] }), {
        name: 'TypeError',
        message: /^allow must be the complete id of a node/,
      });
      assert.throws(() => resolveOptions({ deny: [id, text] }), {
        name: 'TypeError',
        message: /^deny must be the complete id of a node, in the right case .* cannot be an id$/,
      });
      assert.throws(() => checkConnectOptions({ id: text }), {
        name: 'TypeError',
        message: /^id must be the complete id of a node/,
      });
    });
  }

  test('a Python node may be denied, and dialled, by any id that it can have, but not be allowed by it', () => {
    for (const python of ['0f'.repeat(64), 'of its own', 'émile: 1', '7']) {
      assert.deepEqual(resolveOptions({ deny: [python] }).deny, new Set([python]));
      assert.deepEqual(checkConnectOptions({ id: python }), { id: python });
      assert.throws(() => resolveOptions({ allow: [python] }), {
        name: 'TypeError',
        message: /^allow must hold ids that begin with 12D3KooW, not '.*': a Python node only claims its id/,
      });
    }
  });
});

suite('what cannot be is refused with its name, the rule and the value:', () => {
  const wrong: [object | null | string, new (message: string) => Error, RegExp][] = [
    [null, TypeError, /options must be an object, not null/],
    ['fast', TypeError, /options must be an object, not 'fast'/],
    [{ nmae: 'alice' }, TypeError, /nmae is not an option.* The options are name, debug, /],
    [{ name: 5 }, TypeError, /name must be a string, not 5/],
    [{ name: 'x'.repeat(65) }, RangeError, /name must be at most 64 characters long, not 65/],
    [{ network: 5 }, TypeError, /network must be a string, not 5/],
    [{ network: 'x'.repeat(257) }, RangeError, /network must be at most 256 characters long, not 257/],
    [{ networkKey: 5 }, TypeError, /networkKey must be a string, not number/],
    [{ networkKey: '' }, TypeError, /networkKey must not be empty/],
    [{ name: 'half \ud800' }, TypeError, /^name must be well-formed Unicode/],
    [{ network: 'half \udc00' }, TypeError, /^network must be well-formed Unicode/],
    [
      { networkKey: 'secret\ud800' },
      TypeError,
      /^networkKey must be well-formed Unicode; it holds half of a surrogate pair$/,
    ],
    [{ callback: 'text' }, TypeError, /callback must be a function, not 'text'/],
    [{ authorize: true }, TypeError, /authorize must be a function, not true/],
    [{ debug: 'yes' }, TypeError, /debug must be a boolean, not 'yes'/],
    [{ maxConnections: -1 }, RangeError, /maxConnections must be a whole number of at least 0, not -1/],
    [{ maxConnections: 1.5 }, RangeError, /maxConnections .* not 1.5/],
    [{ maxConnections: '5' }, TypeError, /maxConnections must be a number, not '5'/],
    [{ transports: [] }, TypeError, /transports must be a list with at least one transport/],
    [
      { identity: new Proxy(Identity.generate(), {}) },
      TypeError,
      /identity must be an Identity made by this copy/,
    ],
    [
      { identity: Object.create(Identity.generate()) },
      TypeError,
      /identity must be an Identity made by this copy/,
    ],
    [{ transports: tcp() }, TypeError, /transports must be a list such as \[tcp\(\)\], not an instance of /],
    [{ relayBroadcasts: 'none' }, TypeError, /relayBroadcasts must be 'all' or 'subscribed', not 'none'/],
    [{ transports: ['tcp'] }, TypeError, /each of transports must be a Transport such as tcp\(\), not 'tcp'/],
    [{ transports: [tcp] }, TypeError, /each of transports .* not a function/],
    [{ transports: [memory(), { schemes: [] }] }, TypeError, /each of transports .* not an object/],
    [
      { runtime: {} },
      TypeError,
      /runtime must be a Runtime such as systemRuntime, with now, .* not an object/,
    ],
    [{ runtime: 'virtual' }, TypeError, /runtime must be a Runtime .* not 'virtual'/],
    [{ identity: 5 }, TypeError, /identity must be an Identity or \{ path, passphrase \}, not 5/],
    [{ identity: { store: '' } }, TypeError, /identity\.store must be a name of your choice, not ''/],
    [{ identity: { store: 5 } }, TypeError, /identity\.store must be a name of your choice, not 5/],
    [
      { identity: { store: 'x'.repeat(257) } },
      RangeError,
      /identity\.store must be at most 256 characters long, not 257/,
    ],
    [{ identity: { store: 'a', path: 'b' } }, TypeError, /identity\.path is not an option/],
    [{ identity: {} }, TypeError, /identity\.path must be the path of a file, not undefined/],
    [
      { identity: { path: 'a.pem', pasphrase: 'a' } },
      TypeError,
      /identity\.pasphrase is not an option; did you mean 'passphrase'\? The options are path, passphrase$/,
    ],
    [{ allow: '12D3KooW' }, TypeError, /allow must be a list of ids, not '12D3KooW'/],
    [{ deny: 5 }, TypeError, /deny must be a list of ids, not 5/],
    [{ deny: [5] }, TypeError, /deny must be a list of ids; it holds 5/],
    [{ limits: { maxMessageByte: 5 } }, TypeError, /limits\.maxMessageByte is not an option/],
    [{ p2pnetwork: true }, TypeError, /p2pnetwork must be an object, not true/],
    [
      { p2pnetwork: { bigInts: true } },
      TypeError,
      /p2pnetwork\.bigInts is not an option.* The options are bigIntegers/,
    ],
    [{ p2pnetwork: { bigIntegers: 1 } }, TypeError, /p2pnetwork\.bigIntegers must be a boolean, not 1/],
    [
      { neighbourhood: 'automatical' },
      TypeError,
      /neighbourhood must be 'manual', 'automatic' or an object of options, not 'automatical'/,
    ],
    [
      { neighbourhood: { activ: 5 } },
      TypeError,
      /neighbourhood\.activ is not an option; did you mean 'active'/,
    ],
    [
      { neighbourhood: { privateAddresses: 1 } },
      TypeError,
      /neighbourhood\.privateAddresses must be a boolean, not 1/,
    ],
    [
      { neighbourhood: { active: 1 } },
      RangeError,
      /neighbourhood\.active must be a whole number from 2 to 16, not 1/,
    ],
    [
      { neighbourhood: { passive: 129 } },
      RangeError,
      /neighbourhood\.passive must be a whole number from 4 to 128, not 129/,
    ],
    [
      { neighbourhood: { periodMs: 999 } },
      RangeError,
      /neighbourhood\.periodMs must be a whole number from 1000 to 600000, not 999/,
    ],
    [{ presence: 5 }, TypeError, /presence must be true, false or an object of options, not 5/],
    [{ presence: { every: 5 } }, TypeError, /presence\.every is not an option/],
    [
      { presence: { everyMs: 999 } },
      RangeError,
      /presence\.everyMs must be a whole number from 1000 to 600000, not 999/,
    ],
    [{ reconnect: true }, TypeError, /reconnect must be an object, not true/],
    [
      { reconnect: { minDelay: 5 } },
      TypeError,
      /reconnect\.minDelay is not an option.* The options are minDelayMs, /,
    ],
    [
      { reconnect: { minDelayMs: 0 } },
      RangeError,
      /reconnect\.minDelayMs must be a whole number of at least 1, not 0/,
    ],
    [{ reconnect: { minDelayMs: 70_000 } }, RangeError, /reconnect\.maxDelayMs .* at least 70000, not 60000/],
    [{ reconnect: { maxTrials: 0 } }, RangeError, /reconnect\.maxTrials .* at least 1, not 0/],
    [{ reconnect: { maxTrials: '3' } }, TypeError, /reconnect\.maxTrials must be a number, not '3'/],
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
      [null, /options must be an object, not null/],
      [['x'], /options must be an object, not a list/],
      [
        { recconect: true },
        /recconect is not an option.* The options are reconnect, retry, id, timeoutMs, signal/,
      ],
      [{ signal: 'x' }, /signal must be an AbortSignal, not 'x'/],
      [
        { signal: new AbortController() },
        /signal must be an AbortSignal, not an instance of AbortController/,
      ],
      [{ id: 5 }, /id must be a string, not 5/],
      [{ reconnect: 'yes' }, /reconnect must be a boolean, not 'yes'/],
      [{ timeoutMs: '5' }, /timeoutMs must be a number, not '5'/],
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
