import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import type { Data } from '../../../src/base/data.ts';
import { decodePacket, decodePacketBody, encodePacket } from '../../../src/p2pnetwork/packet.ts';
import { Tensor } from '../../../src/tensors/tensor/tensor.ts';
import { lzmaOptions } from '../../support/lzma.ts';

const maxBytes = 1024 * 1024;
const wireText = (data: Data, compression?: 'zlib') =>
  Buffer.from(encodePacket(data, { compression })).toString('latin1');
const decode = (packet: string | Uint8Array, limit = maxBytes) =>
  decodePacket(typeof packet === 'string' ? Buffer.from(packet) : packet, limit);

/** What a node makes of a packet that we wrote. */
function through(data: Data, compression?: 'zlib' | 'bzip2' | 'lzma'): Data {
  return decode(encodePacket(data, { compression }).subarray(0, -1));
}

/** What `compressed` looks like in a packet, without its end. */
function packed(compressed: Uint8Array, name: string): string {
  return `${Buffer.concat([compressed, Buffer.from(name)]).toString('base64')}\u0002`;
}

suite('data as a packet', () => {
  test('text goes as it is', () => {
    assert.equal(wireText('hello'), 'hello\u0004');
    assert.equal(wireText(' true story '), ' true story \u0004');
    assert.equal(wireText('CLOSING: time'), 'CLOSING: time\u0004');
  });

  for (const text of ['', '123', '-1', ' null', 'NaN', '-Infinity', '"', '[', '{}', '\ud800']) {
    test(`text that would be taken for something else goes as JSON text: ${JSON.stringify(text)}`, () => {
      assert.equal(wireText(text), `${JSON.stringify(text)}\u0004`);
      assert.equal(through(text), text);
    });
  }

  test('values go as the JSON that Python writes', () => {
    assert.equal(wireText(null), 'null\u0004');
    assert.equal(wireText({ a: [1.5, 'é'] }), '{"a":[1.5,"Ã©"]}\u0004');
    assert.equal(
      wireText([-0, Number.NaN, Infinity, { b: -Infinity }]),
      '[-0.0,NaN,Infinity,{"b":-Infinity}]\u0004',
    );
  });

  test('typed arrays go as their bytes, the lowest of each element first', () => {
    assert.equal(wireText(Uint16Array.of(0x1234, 0xff00)), '\u0034\u0012\u0000\u00ff\u0004');
    const part = new Float64Array([0, 1, 2]).subarray(1, 2);
    assert.equal(wireText(part), '\u0000\u0000\u0000\u0000\u0000\u0000\u00f0\u003f\u0004');
  });

  test('a compressed one is base64 of the compressed bytes and the name, marked by 0x02', () => {
    assert.equal(wireText('text', 'zlib'), `${packed(deflateSync('text'), 'zlib')}\u0004`);
  });

  test('what is not data is refused as everywhere', () => {
    assert.throws(() => encodePacket((() => {}) as unknown as Data), TypeError);
    assert.throws(() => encodePacket([undefined] as unknown as Data), TypeError);
    for (const beside of [1, -0, 1n]) {
      assert.deepEqual(through({ a: undefined, beside } as unknown as Data), { beside: Number(beside) });
    }
  });
});

suite('what a packet cannot carry', () => {
  const refused: readonly [string, Data, RegExp][] = [
    ['bytes with 0x04', Uint8Array.of(1, 4, 1), /0x04 would end it\. Send it with .*zlib/],
    ['text with 0x04', 'a\u0004b', /0x04/],
    ['bytes that end with 0x02', Uint8Array.of(0xff, 2), /0x02 at the end would mark it.*with .*zlib/],
    ['text that ends with 0x02', 'a\u0002', /0x02/],
    ['no bytes', new Uint8Array(0), /an empty message.*with .*zlib/],
    ['a typed array with 0x04 among its bytes', Int32Array.of(1024), /0x04/],
  ];
  for (const [what, data, message] of refused) {
    test(`${what}, unless it is compressed`, () => {
      assert.throws(() => encodePacket(data), { code: 'ERR_NOT_REPRESENTABLE', message });
      assert.ok(encodePacket(data, { compression: 'zlib' }).length > 0);
    });
  }

  test('binary inside a value, and the message names its place', () => {
    const message = /data\.layers\[1\]\.weights is a Float32Array/;
    const data = { layers: [0, { weights: Float32Array.of(1) }] };
    assert.throws(() => encodePacket(data), { code: 'ERR_NOT_REPRESENTABLE', message });
    assert.throws(() => encodePacket(data, { compression: 'zlib' }), {
      code: 'ERR_NOT_REPRESENTABLE',
      message,
    });
    assert.throws(() => encodePacket({ weights: Tensor.from([1]) }), {
      code: 'ERR_NOT_REPRESENTABLE',
      message: /data\.weights is a Tensor/,
    });
    assert.throws(() => encodePacket([Uint8Array.of(1)]), {
      code: 'ERR_NOT_REPRESENTABLE',
      message: /data\[0\]/,
    });
  });

  for (const json of [
    '{"a":1}',
    '[]',
    '12',
    ' null ',
    'NaN',
    '"hi"',
    `${'['.repeat(2000)}`,
    '9'.repeat(30),
  ]) {
    test(`bytes that are JSON, compressed or not: ${json.slice(0, 12)}`, () => {
      for (const compression of ['none', 'zlib'] as const) {
        const expected = { code: 'ERR_NOT_REPRESENTABLE', message: /send the value itself/ };
        assert.throws(() => encodePacket(Buffer.from(json), { compression }), expected);
      }
    });
  }

  for (const compression of ['brotli', 'zstd'] as const) {
    test(`the compression ${compression}`, () => {
      const expected = { code: 'ERR_COMPRESSION_UNAVAILABLE', message: /zlib, bzip2, lzma, not/ };
      assert.throws(() => encodePacket('hello', { compression }), expected);
    });
  }
});

suite('a packet as data', () => {
  const guesses: readonly [string, string | Uint8Array, Data][] = [
    ['text', 'hello', 'hello'],
    ['text with a byte order mark', '\ufeff{"a":1}', '\ufeff{"a":1}'],
    ['text that begins as JSON', '{"a":', '{"a":'],
    ['a dict', ' {"a": [1, 2.5, null]} ', { a: [1, 2.5, null] }],
    ['a number', '123', 123],
    ['names of numbers', '[NaN, Infinity, -Infinity]', [Number.NaN, Infinity, -Infinity]],
    ['minus zero', '-0.0', -0],
    ['a str in JSON', '"123"', '123'],
    ['nothing', '', ''],
    ['bytes that are not UTF-8', Uint8Array.of(0x68, 0xff), Uint8Array.of(0x68, 0xff)],
    ['bytes that are UTF-8', Uint8Array.of(0x68, 0x69), 'hi'],
    ['the largest whole number', '9007199254740991', 9007199254740991],
    ['a larger one on its own, which was a str', '9007199254740993', '9007199254740993'],
    ['a long fraction', '0.12345678901234567890', 0.12345678901234568],
    [
      'an escaped key',
      '{"\\u00e9\\"": {"\\\\": 1}, "__proto__": 2}',
      JSON.parse('{"é\\"":{"\\\\":1},"__proto__":2}'),
    ],
    ['an escaped string', '["\\n\\\\", "\\\\\\""]', ['\n\\', '\\"']],
  ];
  for (const [what, packet, expected] of guesses) {
    test(`${what} is guessed as Python would`, () => {
      assert.deepEqual(decode(packet), expected);
    });
  }

  test('bytes are a plain Uint8Array', () => {
    assert.equal(Object.getPrototypeOf(decode(Buffer.from([0xff]))), Uint8Array.prototype);
  });

  for (const text of [
    '[1,]',
    '{"a" 1}',
    '{a: 1}',
    '[1] 2',
    '"a',
    '{"a": NaNa}',
    '[01]',
    "['a']",
    '["\\x"]',
    '[\u00a01]',
  ]) {
    test(`what only resembles JSON is text: ${text}`, () => {
      assert.equal(decode(text), text);
      assert.equal(
        decode(`${text.slice(0, -1)}\\${text.slice(-1)}`),
        `${text.slice(0, -1)}\\${text.slice(-1)}`,
      );
    });
  }

  test('a whole number inside a value that cannot be kept is an error, not another number', () => {
    const expected = {
      code: 'ERR_MESSAGE_INVALID',
      message: /12345678901234567890.*bigIntegers: true.*as text/,
    };
    assert.throws(() => decode('{"n": 12345678901234567890}'), expected);
  });

  test('whole numbers beyond 2^53 arrive as bigints where that is asked for', () => {
    for (const [text, expected] of [
      ['{"t": 1795975852112668106}', { t: 1795975852112668106n }],
      ['1795975852112668106', 1795975852112668106n],
      [' -9007199254740993 ', -9007199254740993n],
      ['[9007199254740991, 9007199254740992, 9007199254740993.0]', [2 ** 53 - 1, 2n ** 53n, 2 ** 53]],
      ['[1e20, 1.5, 10.0]', [1e20, 1.5, 10]],
      [`[${'9'.repeat(4300)}]`, [10n ** 4300n - 1n]],
      ['9'.repeat(4301), '9'.repeat(4301)],
      ['9'.repeat(4300), 10n ** 4300n - 1n],
      [` -${'9'.repeat(4300)} `, 1n - 10n ** 4300n],
      [`[-${'9'.repeat(4300)}]`, [1n - 10n ** 4300n]],
    ] as const) {
      assert.deepEqual(decodePacket(Buffer.from(text), maxBytes, true), expected, text.slice(0, 60));
    }
    const tooLong = { code: 'ERR_MESSAGE_INVALID', message: /whole number of 5000 digits/ };
    assert.throws(() => decodePacket(Buffer.from(`[${'9'.repeat(5000)}]`), maxBytes, true), tooLong);
    const justTooLong = { code: 'ERR_MESSAGE_INVALID', message: /whole number of 4301 digits/ };
    for (const sign of ['', '-']) {
      const text = Buffer.from(`[${sign}${'9'.repeat(4301)}]`);
      assert.throws(() => decodePacket(text, maxBytes, true), justTooLong);
    }
  });

  test('bigints go as whole numbers with all their digits', () => {
    for (const value of [0n, -1n, 2n ** 53n, -(2n ** 70n)]) {
      assert.equal(wireText(value), `${value}\u0004`);
      assert.equal(wireText({ a: [value] }), `{"a":[${value}]}\u0004`);
    }
    const mixed = { a: [1n, null, 'x "y"', true, -0, 1.5, {}, []], b: undefined, '"': { c: 2n } };
    assert.equal(wireText(mixed), '{"a":[1,null,"x \\"y\\"",true,-0.0,1.5,{},[]],"\\"":{"c":2}}\u0004');
    const huge = { name: 'TypeError', message: /more than 4300 digits/ };
    assert.throws(() => encodePacket([10n ** 4300n]), huge);
  });

  test('a packet says which text its data was read from', () => {
    const reading = { maxContainers: 10, bigIntegers: false };
    for (const text of [' {"b": 1, "10": 10.0}', '"quoted"', '10.0', 'plain', '']) {
      assert.equal(decodePacketBody(Buffer.from(text), reading).text, text);
    }
    assert.equal(decodePacketBody(Uint8Array.of(0xff), reading).text, undefined);
  });

  test('text goes as it is when it is sent so', () => {
    for (const text of [' {"b": 1, "10": 10.0}', '"quoted"', '10.0', 'plain', '\ufeff']) {
      assert.equal(Buffer.from(encodePacket(text, { verbatim: true })).toString(), `${text}\u0004`);
    }
    const refused = (data: Data, error: object) =>
      assert.throws(() => encodePacket(data, { verbatim: true }), error);
    refused({ a: 1 }, { name: 'TypeError', message: /verbatim is only for text, but data is an object/ });
    refused(Uint8Array.of(1), { name: 'TypeError', message: /verbatim/ });
    for (const text of ['', 'a\u0004', 'a\u0002', '\ud800']) refused(text, { code: 'ERR_NOT_REPRESENTABLE' });
    assert.ok(encodePacket('a\u0004', { verbatim: true, compression: 'zlib' }).length > 0);
  });

  test('values that are nested too deep are refused', () => {
    const expected = { code: 'ERR_MESSAGE_INVALID', message: /nested deeper than 256/ };
    assert.throws(() => decode('['.repeat(100_000)), expected);
    assert.throws(() => decode(`${'[NaN,'.repeat(300)}0${']'.repeat(300)}`), expected);
  });
});

suite('compressed packets', () => {
  for (const compression of ['zlib', 'bzip2', 'lzma'] as const) {
    const options = compression === 'lzma' ? lzmaOptions : {};
    test(`${compression} carries what a plain packet cannot`, options, () => {
      for (const data of ['a\u0004b', 'a\u0002', Uint8Array.of(4, 255), { a: '\u0004' }]) {
        assert.deepEqual(through(data, compression), data);
      }
      assert.equal(through(new Uint8Array(0), compression), '');
    });

    test(`a ${compression} bomb stops at the limit`, options, () => {
      const bomb = encodePacket('a'.repeat(1_000_000), { compression }).subarray(0, -1);
      assert.ok(bomb.length < 5000);
      assert.throws(() => decode(bomb, 999_999), {
        code: 'ERR_DECOMPRESSION',
        message: /larger than 999999/,
      });
      assert.equal(decode(bomb, 1_000_000), 'a'.repeat(1_000_000));
    });

    test(`a damaged ${compression} packet is an error`, options, () => {
      const [base64] = wireOf(compression).split('\u0002');
      const bytes = Buffer.from(base64!, 'base64');
      bytes[12]! ^= 0x55;
      const packet = `${bytes.toString('base64')}\u0002`;
      assert.throws(() => decode(packet), { code: 'ERR_DECOMPRESSION' });
    });
  }

  const wireOf = (compression: 'zlib' | 'bzip2' | 'lzma') =>
    Buffer.from(encodePacket('hello '.repeat(100), { compression })).toString('latin1');

  for (const packet of [
    '\u0002',
    'text\u0002',
    'YQ\u0002',
    '!!!!\u0002',
    `${packed(deflateSync('a'), 'snappy')}`,
    ` ${packed(deflateSync('a'), 'zlib')}`,
    `${packed(deflateSync('a'), '')}`,
  ]) {
    test(`what only ends like one is an error: ${JSON.stringify(packet)}`, () => {
      assert.throws(() => decode(packet), { code: 'ERR_MESSAGE_INVALID' });
    });
  }
});

suite('the message limit', () => {
  test('holds for plain packets', () => {
    assert.equal(decode('abc', 3), 'abc');
    assert.throws(() => decode('abcd', 3), { code: 'ERR_MESSAGE_TOO_LARGE' });
  });
});
