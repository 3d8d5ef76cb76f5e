import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { PeerloomError } from '../../../src/base/errors.ts';
import {
  decodePayload,
  encodePayload,
  PayloadFormat,
  unfoldedBytes,
} from '../../../src/wire/payloads/payload.ts';

const utf8 = new TextEncoder();

function throughTheWire(data: Data): Data {
  const { format, body } = encodePayload(data);
  return decodePayload(format, Uint8Array.from(body));
}

function nested(levels: number, innermost: Data = []): Data {
  let data = innermost;
  for (let level = 1; level < levels; level++) data = [data];
  return data;
}

function assertInvalid(format: number, body: Uint8Array | string, message: RegExp, maxDepth?: number): void {
  const bytes = typeof body === 'string' ? utf8.encode(body) : body;
  assert.throws(
    () => decodePayload(format, bytes, maxDepth === undefined ? {} : { maxDepth }),
    (error) =>
      error instanceof PeerloomError && error.code === 'ERR_MESSAGE_INVALID' && message.test(error.message),
  );
}

const typedArrays = [
  Int8Array.of(-128, 0, 127),
  Uint8ClampedArray.of(0, 255),
  Int16Array.of(-32768, 32767),
  Uint16Array.of(65535),
  Int32Array.of(-(2 ** 31)),
  Uint32Array.of(2 ** 32 - 1),
  BigInt64Array.of(-(2n ** 63n), 1n),
  BigUint64Array.of(2n ** 64n - 1n),
  ...('Float16Array' in globalThis ? [Float16Array.of(1.5, NaN, -0, 65504)] : []),
  Float32Array.of(0.1, -Infinity, NaN),
  Float64Array.of(NaN, -0, 1e300),
];

const plain = {
  'a text that reads like a number': '123',
  'the empty string': '',
  'a byte order mark': '\ufefftext after it, longer than any short cut of a decoder',
  'text beyond ASCII': 'żółć 漢字 👋 \0 \u2028',
  'a lone surrogate': 'half \ud83d of a pair',
  zero: 0,
  'negative zero': -0,
  'not a number': NaN,
  infinity: -Infinity,
  'an integer that no double has exactly beside it': 2 ** 53 + 2,
  'an integer past 64 bits': -(2 ** 70),
  'a large double': 1e300,
  'the smallest double': 5e-324,
  null: null,
  true: true,
  'the empty list': [],
  'the empty object': {},
  'bytes with an end of transmission': Uint8Array.of(4, 0, 255),
  'no bytes': new Uint8Array(0),
  'keys that objects inherit': JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toJSON": 3, "": 4}'),
  'lone surrogates in keys and values': { '\udc00': '\ud800' },
} satisfies Record<string, Data>;

suite('data comes back equal and of the same type', () => {
  for (const [name, data] of Object.entries<Data>(plain)) {
    test(name, () => assert.deepStrictEqual(throughTheWire(data), data));
    test(`${name}, beside bytes`, () => {
      const mixed = { list: [data, Uint8Array.of(1)], data };
      assert.deepStrictEqual(throughTheWire(mixed), mixed);
    });
  }
  for (const array of typedArrays) {
    for (const data of [array, array.subarray(1), array.subarray(0, 0)]) {
      test(`${data.constructor.name} of ${data.length}`, () => {
        assert.deepStrictEqual(throughTheWire(data), data);
        assert.deepStrictEqual(throughTheWire({ round: 3, weights: data }), { round: 3, weights: data });
      });
    }
  }
  test('keys keep their order, with and without binary', () => {
    for (const data of [
      { b: 1, a: 2, '\ud800': 3, c: 4 },
      { b: -0, aa: 2, '\ud800': 3, a: Uint8Array.of(1) },
    ]) {
      assert.deepEqual(Object.keys(throughTheWire(data) as object), Object.keys(data));
    }
  });
  test('a Buffer arrives as a plain Uint8Array', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    assert.deepStrictEqual(throughTheWire(Buffer.from(bytes)), bytes);
    assert.deepStrictEqual(throughTheWire([Buffer.from(bytes)]), [bytes]);
    assert.deepStrictEqual(decodePayload(PayloadFormat.bytes, Buffer.from(bytes)), bytes);
    assert.deepStrictEqual(decodePayload(PayloadFormat.cbor, Buffer.of(0x81, 0x43, 1, 2, 3)), [bytes]);
  });
  test('an object without a prototype arrives as a plain object', () => {
    const data: Data = Object.assign(Object.create(null), { a: [1] });
    assert.deepStrictEqual(throughTheWire(data), { a: [1] });
    assert.deepStrictEqual(throughTheWire([data, -0]), [{ a: [1] }, -0]);
  });
  test('as deep as 256 levels, binary at the bottom', () => {
    assert.deepStrictEqual(throughTheWire(nested(256)), nested(256));
    const deep = nested(256, [Float32Array.of(1)]);
    assert.deepStrictEqual(throughTheWire(deep), deep);
  });
});

test('each kind of data has the plainest format that carries it', () => {
  const formats: [Data, number][] = [
    ['text', PayloadFormat.text],
    ['\ud800', PayloadFormat.json],
    [5, PayloadFormat.json],
    [-0, PayloadFormat.cbor],
    [{ a: [null] }, PayloadFormat.json],
    [{ a: [NaN] }, PayloadFormat.cbor],
    [Uint8Array.of(1), PayloadFormat.bytes],
    [[Uint8Array.of(1)], PayloadFormat.cbor],
    [Float64Array.of(1), PayloadFormat.float64],
  ];
  for (const [data, format] of formats) assert.equal(encodePayload(data).format, format);
  assert.deepEqual(encodePayload({ a: 1 }).body, Buffer.from('{"a":1}'));
  assert.deepEqual([...encodePayload(Int16Array.of(1, -2)).body], [1, 0, 0xfe, 0xff]);
});

test('bare binary is not copied', () => {
  const weights = new Float32Array(8).subarray(2, 6);
  const { body } = encodePayload(weights);
  assert.equal(body.buffer, weights.buffer);
  assert.deepEqual([body.byteOffset, body.byteLength], [8, 16]);
});

test('a typed array lies over the body where that is aligned, else over a copy', () => {
  const memory = new Uint8Array(16);
  const aligned = decodePayload(PayloadFormat.float32, memory.subarray(4, 12)) as Float32Array;
  assert.equal(aligned.buffer, memory.buffer);
  const copied = decodePayload(PayloadFormat.float32, memory.subarray(3, 11)) as Float32Array;
  assert.notEqual(copied.buffer, memory.buffer);
  assert.deepStrictEqual(copied, new Float32Array(2));
});

suite('what no message can hold is a TypeError that says where it is', () => {
  class Person {}
  const cycle: { list: unknown[] } = { list: [1] };
  cycle.list.push({ again: cycle });
  const offences: [string, unknown, string][] = [
    ['undefined', undefined, 'data is undefined'],
    ['an undefined item', [1, undefined], 'data[1] is undefined'],
    ['a hole', Array.of(1, 2, 3).concat(new Array(1)), 'data[3] is undefined'],
    ['a function', { list: [1, 2, () => 0] }, 'data.list[2] is a function'],
    ['a method named toJSON', { toJSON: () => 1 }, 'data.toJSON is a function'],
    ['a symbol', { 'a key': Symbol('s') }, 'data["a key"] is a symbol'],
    ['a huge bigint', { größe: 10n ** 4300n }, 'data.größe is a bigint of more than 4300 digits'],
    ['a cycle', cycle, 'data.list[1].again is part of a cycle'],
    ['a Date', { when: new Date(0) }, 'data.when is an instance of Date'],
    ['a Map', new Map(), 'data is an instance of Map'],
    ['a Set', [new Set()], 'data[0] is an instance of Set'],
    ['an ArrayBuffer', new ArrayBuffer(1), 'data is an instance of ArrayBuffer'],
    ['a DataView', new DataView(new ArrayBuffer(1)), 'data is an instance of DataView'],
    ['an object of a class', { owner: new Person() }, 'data.owner is an instance of Person'],
    ['an object over another', Object.create({ a: 1 }), 'data is an instance of Object'],
    ['a boxed string', [new String('a')], 'data[0] is an instance of String'],
  ];
  for (const [name, data, message] of offences) {
    test(name, () => {
      const expected = `${message}; a message can hold JSON values, bytes, typed arrays, tensors and bigints`;
      assert.throws(() => encodePayload(data as Data), new TypeError(expected));
    });
  }
  test('257 levels, and so many that a stack would overflow', () => {
    for (const levels of [257, 100_000]) {
      for (const innermost of [[], Uint8Array.of(1), -0]) {
        const deep = nested(levels + (Array.isArray(innermost) ? 0 : 1), innermost);
        assert.throws(() => encodePayload(deep), new TypeError('data is nested deeper than 256 levels'));
      }
    }
  });
});

test('a key that JSON escapes is not read as one that was seen before', () => {
  for (const key of ['\\', '\n', '"', '\ud800', '\\\\', '\\x']) {
    for (const data of [
      { [key]: 1 },
      [{ a: 'a quote: "', [key]: 1 }],
      { list: [{ a: 'a quote: "', [key]: 1 }] },
      { a: 'a quote: "', b: { c: 'a quote: "', [key]: 1 } },
    ]) {
      assert.deepStrictEqual(throughTheWire(data), data);
    }
  }
  assert.equal(encodePayload({ a: '"\n' }).format, PayloadFormat.json);
  assert.equal(encodePayload({ a: [{ b: { '"': 1 } }] }).format, PayloadFormat.cbor);
});

test('the same object twice is no cycle', () => {
  const shared = [1, -0];
  assert.deepStrictEqual(throughTheWire([shared, shared]), [shared, shared]);
});

test('a property that others put on Object.prototype changes nothing', () => {
  Object.defineProperty(Object.prototype, 'stray', { value: () => 0, enumerable: true, configurable: true });
  try {
    assert.deepStrictEqual(throughTheWire({ a: [1, 'b'] }), { a: [1, 'b'] });
  } finally {
    delete (Object.prototype as { stray?: unknown }).stray;
  }
});

test('what data costs counts the lists, objects and binaries in it, but not its elements', () => {
  const cost = (data: Data) => {
    const { format, body } = encodePayload(data);
    return unfoldedBytes(format, body) - body.length;
  };
  assert.equal(cost('[[[['), 0);
  assert.equal(cost(new Float32Array(100)), 0);
  assert.equal(cost([[], { a: 1 }]), 3 * 128);
  assert.equal(cost([new Float32Array(100)]), 2 * 128);
});

suite('what cannot be decoded is ERR_MESSAGE_INVALID', () => {
  test('an unknown format', () => {
    for (const format of [0, 16, 255]) assertInvalid(format, '1', new RegExp(`format ${format}.*unknown`));
  });
  test('text that is not UTF-8', () => {
    for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xc0, 0x80]]) {
      assertInvalid(PayloadFormat.text, Uint8Array.from(bytes), /text.*utf-8/i);
      assertInvalid(PayloadFormat.json, Uint8Array.of(0x22, ...bytes, 0x22), /json.*utf-8/i);
    }
  });
  test('JSON that is not exactly one value', () => {
    for (const text of [
      '',
      ' ',
      '{',
      '{"a":1,}',
      '1 2',
      '{}x',
      "'a'",
      'undefined',
      'NaN',
      '\ufeff1',
      '[1',
      '"\n"',
    ]) {
      assertInvalid(PayloadFormat.json, text, /json/);
    }
  });
  test('JSON nested too deep, without the stack overflowing', () => {
    const open = (levels: number) => '['.repeat(levels);
    const whole = (levels: number) => open(levels) + ']'.repeat(levels);
    assert.deepStrictEqual(decodePayload(PayloadFormat.json, utf8.encode(whole(3)), { maxDepth: 3 }), [[[]]]);
    assertInvalid(PayloadFormat.json, whole(4), /deeper than 3/, 3);
    assertInvalid(PayloadFormat.json, whole(257), /deeper than 256/);
    assertInvalid(PayloadFormat.json, open(5_000_000), /deeper than 256/);
    assertInvalid(PayloadFormat.json, '{"a":'.repeat(1_000_000), /deeper than 256/);
  });
  test('more lists, objects and binaries than a message may hold', () => {
    const few = { maxContainers: 10 };
    const binary = (length: number) => Array.from({ length }, () => Uint8Array.of(1));
    for (const data of [Array.from({ length: 10 }, () => []), binary(10)]) {
      const { format, body } = encodePayload(data);
      const isInvalid = { code: 'ERR_MESSAGE_INVALID', message: /more than 10 lists/ };
      assert.throws(() => decodePayload(format, body, few), isInvalid);
      assert.deepStrictEqual(decodePayload(format, body, { maxContainers: 11 }), data);
    }
    const many = Array.from({ length: 1_000_000 }, () => []);
    assertInvalid(PayloadFormat.json, JSON.stringify(many), /more than 1000000 lists/);
  });
  test('part of an element', () => {
    for (const [format, bytes] of [
      [PayloadFormat.int16, 3],
      [PayloadFormat.float32, 6],
      [PayloadFormat.float64, 4],
      [PayloadFormat.bigInt64, 9],
    ] as const) {
      assertInvalid(format, new Uint8Array(bytes), /not a multiple/);
    }
  });
  test('a typed array that this runtime does not have', (t) => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array');
    t.after(() => descriptor && Object.defineProperty(globalThis, 'Float16Array', descriptor));
    delete (globalThis as { Float16Array?: unknown }).Float16Array;
    assertInvalid(PayloadFormat.float16, new Uint8Array(2), /this runtime has no Float16Array/);
  });
});
