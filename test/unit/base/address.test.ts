import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { addressOf, formatAddress, parseAddress } from '../../../src/base/address.ts';
import { PeerloomError } from '../../../src/base/errors.ts';

describe('parseAddress', () => {
  const readable = {
    '127.0.0.1:10001': { scheme: undefined, host: '127.0.0.1', port: 10_001 },
    'localhost:1': { scheme: undefined, host: 'localhost', port: 1 },
    '[::1]:10001': { scheme: undefined, host: '::1', port: 10_001 },
    '[fe80::1%eth0]:10001': { scheme: undefined, host: 'fe80::1%eth0', port: 10_001 },
    '[::ffff:10.0.0.1]:65535': { scheme: undefined, host: '::ffff:10.0.0.1', port: 65_535 },
    'tls://node.example.org:10001': { scheme: 'tls', host: 'node.example.org', port: 10_001 },
    'p2pnetwork://[2001:db8::1]:10001': { scheme: 'p2pnetwork', host: '2001:db8::1', port: 10_001 },
    'memory://alice_2:7': { scheme: 'memory', host: 'alice_2', port: 7 },
    'wss://bücher.example:443': { scheme: 'wss', host: 'bücher.example', port: 443 },
  };
  for (const [text, address] of Object.entries(readable)) {
    test(`reads ${text}, and formatAddress writes it back`, () => {
      assert.deepEqual(parseAddress(text), address);
      assert.equal(formatAddress(address), text);
    });
  }

  test('the scheme has no upper and lower case', () => {
    assert.equal(parseAddress('TLS://a:1').scheme, 'tls');
  });

  const unreadable = {
    '': 'it has no host',
    ':10001': 'it has no host',
    'tls://': 'it has no host',
    'tls://:10001': 'it has no host',
    localhost: 'it has no port',
    '[::1]': 'it has no port',
    'tls://localhost': 'it has no port',
    'localhost:': "the port must be a whole number from 1 to 65535, not ''",
    'localhost:0': "the port must be a whole number from 1 to 65535, not '0'",
    'localhost:65536': "the port must be a whole number from 1 to 65535, not '65536'",
    'localhost:-1': "the port must be a whole number from 1 to 65535, not '-1'",
    'localhost:1e3': "the port must be a whole number from 1 to 65535, not '1e3'",
    'localhost:80/path': "the port must be a whole number from 1 to 65535, not '80/path'",
    '::1:10001': 'an IPv6 host stands in brackets',
    'a:b:1': 'an IPv6 host stands in brackets',
    '[]:1': "'[]' is not a host",
    '[localhost]:1': "'[localhost]' is not a host",
    '[::1::2]:1': "'[::1::2]' is not a host",
    '[::1]x:1': "'[::1]x' is not a host",
    'two words:1': "'two words' is not a host",
    'user@host:1': "'user@host' is not a host",
    'a/b:1': "'a/b' is not a host",
    '1tls://host:1': 'an IPv6 host stands in brackets',
    '/ip4/127.0.0.1/tcp/10001': 'no transport of this node reads multiaddrs',
    [`${'a'.repeat(254)}:1`]: `'${'a'.repeat(254)}' is not a host`,
  };
  for (const [text, problem] of Object.entries(unreadable)) {
    test(`refuses '${text.slice(0, 40)}': ${problem.slice(0, 60)}`, () => {
      assert.throws(() => parseAddress(text), {
        name: 'PeerloomError',
        code: 'ERR_ADDRESS_INVALID',
        message: `The address '${text}' cannot be used: ${problem}. Write it as 127.0.0.1:10001, [::1]:10001 or tls://name:10001.`,
      });
    });
  }

  test('what is no text is a TypeError', () => {
    for (const value of [undefined, null, 10_001, new URL('tls://localhost:1')]) {
      assert.throws(() => parseAddress(value as never), {
        name: 'TypeError',
        message: /^address must be a string/,
      });
    }
  });

  test('any text is refused with its error, or read so that it can be written and read again', () => {
    const piece = fc.constantFrom(
      'tls',
      '://',
      ':',
      '[',
      ']',
      '::1',
      '127.0.0.1',
      '10001',
      '%',
      '/',
      '.',
      ' ',
      '\n',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          const address = parseAddress(input);
          assert.deepEqual(parseAddress(formatAddress(address)), address);
        } catch (error) {
          assert.ok(error instanceof PeerloomError && error.code === 'ERR_ADDRESS_INVALID', String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('addressOf', () => {
  test('takes names and addresses, IPv6 with or without brackets', () => {
    assert.deepEqual(addressOf('localhost', 10_001), { scheme: undefined, host: 'localhost', port: 10_001 });
    assert.deepEqual(addressOf('[::1]', 1), addressOf('::1', 1));
    assert.equal(formatAddress(addressOf('::1', 65_535)), '[::1]:65535');
  });

  test('port 0 is for listening alone', () => {
    assert.equal(addressOf('0.0.0.0', 0, 'listen').port, 0);
    assert.throws(() => addressOf('127.0.0.1', 0), {
      name: 'RangeError',
      message: 'port must be a whole number from 1 to 65535, not 0',
    });
  });

  test('a port out of range is a RangeError that gives the range and the value', () => {
    for (const port of [-1, 65_536, 1.5, Number.NaN, Infinity]) {
      assert.throws(() => addressOf('127.0.0.1', port, 'listen'), {
        name: 'RangeError',
        message: `port must be a whole number from 0 to 65535, not ${port}`,
      });
    }
  });

  test('a port that is no number is a TypeError', () => {
    for (const port of ['10001', undefined, null, 1n]) {
      assert.throws(() => addressOf('127.0.0.1', port as never), {
        name: 'TypeError',
        message: /^port must be/,
      });
    }
  });

  test('what is no host is a TypeError', () => {
    for (const host of [
      '',
      ' ',
      'a b',
      'tls://a',
      'a:b',
      'a/b',
      '[a]',
      '::1]:80/[x',
      '1::2::3',
      undefined,
      7,
    ]) {
      assert.throws(
        () => addressOf(host as never, 1),
        { name: 'TypeError', message: /^host must be/ },
        `${host}`,
      );
    }
  });
});
