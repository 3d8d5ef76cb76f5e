import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { decodeCbor, encodeCbor } from '../../../src/wire/payloads/cbor.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const within = { maxDepth: 256, maxContainers: 1_000_000 };
const decodeHex = (text: string, maxDepth = 256, maxContainers = 1_000_000) =>
  decodeCbor(Uint8Array.from(Buffer.from(text, 'hex')), { maxDepth, maxContainers });

suite('the bytes are those of RFC 8949 and RFC 8746', () => {
  const examples: [Data, string][] = [
    [{ a: 1, b: [2, 3] }, 'a26161016162820203'], // RFC 8949 appendix A
    [-0, 'f98000'],
    [-4.1, 'fbc010666666666666'],
    [Infinity, 'f97c00'],
    [NaN, 'f97e00'],
    [2 ** -24, 'f90001'],
    [3.4028234663852886e38, 'fa7f7fffff'],
    [Uint8Array.of(1, 2, 3, 4), '4401020304'],
    [Uint8ClampedArray.of(1), 'd8444101'],
    [Int8Array.of(-1), 'd84841ff'],
    [Uint16Array.of(1), 'd845420100'],
    [Uint32Array.of(1), 'd8464401000000'],
    [BigUint64Array.of(1n), 'd847480100000000000000'],
    [Int16Array.of(1), 'd84d420100'],
    [Int32Array.of(1), 'd84e4401000000'],
    [BigInt64Array.of(1n), 'd84f480100000000000000'],
    [18446744073709551616n, 'c249010000000000000000'], // RFC 8949 appendix A
    [-18446744073709551617n, 'c349010000000000000000'],
    [0n, 'c240'],
    [Float32Array.of(1), 'd855440000803f'],
    [Float64Array.of(1), 'd85648000000000000f03f'],
    ['\ud800', `d9010648${hex(Buffer.from('"\\ud800"'))}`], // IANA's tag 262, embedded JSON
  ];
  if ('Float16Array' in globalThis) examples.push([Float16Array.of(1), 'd85442003c']);
  for (const [data, bytes] of examples) {
    test(bytes, () => {
      assert.equal(hex(encodeCbor(data)), bytes);
      assert.deepStrictEqual(decodeHex(bytes), data);
    });
  }
});

suite('what is not the CBOR of data is refused', () => {
  const refused = {
    'nothing at all': '',
    'two values': '0101',
    'a list that says it has 2^53 items': '9b001fffffffffffff01',
    'bytes that say they are 4 GiB': '5affffffff00',
    'text that says it is 2^63 bytes': '7b800000000000000000',
    'a list that ends early': '830102',
    'a map without its last value': 'a16161',
    'indefinite lengths': '9f01ff',
    'indefinite text': '7f6161ff',
    'a break alone': 'ff',
    'the same key twice': 'a2616101616102',
    'a key that is a number': 'a10102',
    'a key that is bytes': 'a1416102',
    'an integer past 2^53': '1bffffffffffffffff',
    'a negative integer past 2^53': '3bffffffffffffffff',
    undefined: 'f7',
    'an unknown simple value': 'f8ff',
    'a reserved head': '1c',
    'text that is not UTF-8': '62c328',
    'a surrogate as UTF-8': '63eda080',
    'a key that is not UTF-8': 'a161ff01',
    'a date': 'c11a514b67b0',
    'a bignum of more than 4,300 digits': `c25906fb${'01'.repeat(1_787)}`,
    'a bignum of text': 'c26161',
    'a tag of nothing': 'd855',
    'a typed array of text': 'd8556461626364',
    'a typed array of a list': 'd8558101',
    'a typed array of a typed array': 'd855d855440000803f',
    'part of an element': 'd85543000000',
    'big-endian elements': 'd851443f800000',
    'embedded JSON that is no string': 'd90106417b',
    'embedded JSON that is an object': 'd90106427b7d',
    'embedded JSON as text': 'd9010662' + '2222',
  };
  for (const [name, bytes] of Object.entries(refused))
    test(name, () => assert.throws(() => decodeHex(bytes)));
});

test('text is read strictly and whole, whatever the size of its length', () => {
  for (const length of [0, 23, 24, 255, 256, 65_535, 65_536]) {
    const data = [`\ufeff${'x'.repeat(Math.max(0, length - 3))}`, 'é'.repeat(length >> 1)];
    assert.deepStrictEqual(decodeCbor(encodeCbor(data), within), data);
  }
});

test('short text too', () => {
  for (const text of [
    '',
    'a',
    '\ufeff',
    '\ufeffa',
    '\ufffd',
    'é',
    'x'.repeat(32),
    'x'.repeat(33),
    `${'x'.repeat(31)}é`,
  ])
    assert.equal(decodeCbor(encodeCbor([text]), within)?.toString(), text);
  for (const bytes of ['61ff', '62c328', '61c3', '63eda080']) assert.throws(() => decodeHex(bytes));
});

suite('nesting is counted', () => {
  const deep = (levels: number, head: string, end: string) => head.repeat(levels) + end;
  test('lists', () => {
    assert.deepStrictEqual(decodeHex(deep(3, '81', '00'), 3), [[[0]]]);
    assert.throws(() => decodeHex(deep(4, '81', '00'), 3), /deeper than 3/);
    assert.throws(() => decodeHex('81818180', 3), /deeper than 3/);
  });
  test('objects', () => {
    assert.deepStrictEqual(decodeHex(deep(2, 'a16161', 'a0'), 3), { a: { a: {} } });
    assert.throws(() => decodeHex(deep(3, 'a16161', 'a0'), 3), /deeper than 3/);
  });
  test('side by side is not deep', () => {
    assert.deepStrictEqual(decodeHex(`84${'8180'.repeat(3)}a161618100`, 3), [[[]], [[]], [[]], { a: [0] }]);
    assert.deepStrictEqual(decodeHex('81' + '81' + 'd8444101', 2), [[Uint8ClampedArray.of(1)]]);
  });
  test('a tag and what it stands on are one item', () => {
    assert.throws(() => decodeHex('82' + 'd8444101' + '818180', 3), /deeper than 3/);
  });
  test('millions of levels do not overflow the stack', () => {
    for (const head of [[0x81], [0xa1, 0x61, 0x61], [0xd8, 0x55]]) {
      const bytes = new Uint8Array(3_000_000).map((_, index) => head[index % head.length]!);
      assert.throws(
        () => decodeCbor(bytes, within),
        (error) => !(error instanceof RangeError),
      );
    }
  });
});

suite('lists, objects and binaries are counted', () => {
  const refused = (text: string, maxContainers: number) =>
    assert.throws(() => decodeHex(text, 256, maxContainers), /more than \d lists.*limits\.maxContainers/);
  test('lists and objects', () => {
    assert.deepStrictEqual(decodeHex('8380a080', 256, 4), [[], {}, []]);
    refused('8480a08080', 4);
  });
  test('keys are not', () => {
    assert.deepStrictEqual(decodeHex('a2616100616200', 256, 1), { a: 0, b: 0 });
  });
  test('bytes and typed arrays', () => {
    assert.deepStrictEqual(decodeHex('8241014101', 256, 3), [Uint8Array.of(1), Uint8Array.of(1)]);
    refused('8241014101', 2);
    refused('82d8484101d8484101', 2);
  });
  test('and nothing is built of what holds more', () => {
    refused('84808080', 3); // and is cut
  });
});

test('embedded JSON is not even parsed unless it is a string', (t) => {
  const parse = t.mock.method(JSON, 'parse');
  for (const json of ['[[],[],[]]', ' {"a":"b"}', '5']) {
    const bytes = Buffer.from(json);
    assert.throws(() => decodeHex(`d90106${(0x40 + bytes.length).toString(16)}${bytes.toString('hex')}`));
  }
  assert.equal(parse.mock.callCount(), 0);
  assert.equal(decodeHex(`d9010645${Buffer.from(' "a" ').toString('hex')}`), 'a');
});

test('a large typed array is copied once and no element touched', () => {
  const data = { round: 3, weights: new Float32Array(1 << 20).fill(0.5) };
  const encoded = encodeCbor(data);
  assert.ok(encoded.length < data.weights.byteLength + 64);
  const decoded = decodeCbor(encoded, within) as typeof data;
  assert.notEqual(decoded.weights.buffer, encoded.buffer);
  assert.equal(decoded.weights.buffer.byteLength, data.weights.byteLength);
  assert.deepStrictEqual(decoded, data);
});
