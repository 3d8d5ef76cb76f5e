import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Pace } from '../../src/base/computing-pace.ts';
import type { Data } from '../../src/base/data.ts';
import { PeerloomError } from '../../src/base/errors.ts';
import { runNow } from '../../src/base/steps.ts';
import { byteLengthOf, type DType, layouts } from '../../src/tensors/tensor/dtypes.ts';
import { Tensor } from '../../src/tensors/tensor/tensor.ts';
import {
  availableCompressions,
  compress,
  compressionCodes,
  decompress,
} from '../../src/wire/compression/compression.ts';
import { jsonSteps } from '../../src/wire/payloads/json-reader.ts';
import {
  countContainers,
  decodePayload,
  encodePayload,
  PayloadFormat,
  payloadSteps,
} from '../../src/wire/payloads/payload.ts';
import { fuzz, fuzzLive } from './fuzz.ts';

/** Any UTF-16 code units, so that surrogates come alone too. */
const anyString = fc.oneof(
  fc.string(),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
    .map((units) => String.fromCharCode(...units)),
  fc.string({ unit: fc.constantFrom('\ud83d', '\udc4b', '\ufeff', 'a', '"', '\\'), maxLength: 40 }),
);
const anyKey = fc.oneof(
  anyString,
  fc.constantFrom('__proto__', 'constructor', 'toJSON', 'length', '0', '-1'),
);
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.float().map(Math.fround),
  fc.constantFrom(-0, 2 ** 53),
);
const anyBinary: fc.Arbitrary<Data> = fc.oneof<fc.Arbitrary<Data>[]>(
  fc.uint8Array(),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => new Uint8Array(bytes)),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
  fc.float32Array(),
  fc.float64Array(),
  ...('Float16Array' in globalThis ? [fc.array(fc.double()).map((values) => Float16Array.from(values))] : []),
);
/** Of every type; some have no elements, or a single one without a dimension. */
const anyTensor: fc.Arbitrary<Data> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(layouts) as DType[])),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    fc.uint8Array({ minLength: 2048, maxLength: 2048 }),
  )
  .map(([dtype, shape, bytes]) => {
    const data = bytes.slice(0, byteLengthOf(dtype, shape));
    return new Tensor(dtype, shape, dtype === 'bool' ? data.map((byte) => byte & 1) : data);
  });
const anyScalar = fc.oneof(anyString, anyNumber, fc.boolean(), fc.constant(null));

function dataWith(leaf: fc.Arbitrary<Data>): fc.Arbitrary<Data> {
  return fc.letrec<{ data: Data }>((tie) => ({
    data: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      leaf,
      fc.array(tie('data'), { maxLength: 6 }),
      fc.array(fc.tuple(anyKey, tie('data')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
    ),
  })).data;
}
const anyJson = dataWith(anyScalar);
const anyData = dataWith(fc.oneof(anyScalar, anyBinary, anyTensor, fc.bigInt()));

const anyFormat = fc.integer({ min: 0, max: 17 });
const formats = Object.values(PayloadFormat);

/** Bytes that look like CBOR: heads of every kind, mostly small lengths, a known tag now and then. */
const cborLike = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 255 }).map((byte) => [byte]),
      fc
        .tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 4 }))
        .map(([major, n]) => [(major << 5) | n]),
      fc.constantFrom(
        [0xd8, 0x55, 0x44, 0, 0, 128, 63],
        [0xd9, 1, 6, 0x42, 0x22, 0x22],
        [0x61, 0x61],
        [0xd8, 0x44],
        [0xc2, 0x41, 5],
        [0xc3, 0x40],
        [0xd8, 0x28, 0x82],
        [0xd9, 0x70, 0x6c, 0x83],
        [0x81, 2],
        [0xd8, 0x40, 0x42, 1, 2],
        [0x64, 0x62, 0x6f, 0x6f, 0x6c, 0x42, 0, 1],
      ),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Uint8Array.from(parts.flat()));

function throughTheWire(data: Data): Data {
  const { format, body } = encodePayload(data);
  return decodePayload(format, Uint8Array.from(body));
}

/** By the data itself; text that is no UTF-8 travels as bytes where there are binaries beside it. */
function containersIn(data: Data): number {
  const isCbor = encodePayload(data).format === PayloadFormat.cbor;
  const count = (value: unknown): number => {
    if (typeof value === 'string') return isCbor && !value.isWellFormed() ? 1 : 0;
    if (typeof value === 'bigint') return 1;
    if (typeof value !== 'object' || value === null) return 0;
    if (ArrayBuffer.isView(value)) return 1;
    // The list around it, that of its dimensions, and its bytes.
    if (value instanceof Tensor) return 3;
    if (Array.isArray(value)) return value.reduce((sum, item) => sum + count(item), 1);
    const entries = Object.entries(value);
    return entries.reduce((sum, [key, item]) => sum + count(key) + count(item), 1);
  };
  return count(data);
}

/** What decodes must be data, which goes through the wire again; what does not has one error. */
function decodesOrIsInvalid(format: number, body: Uint8Array): void {
  let data: Data;
  try {
    data = decodePayload(format, body);
  } catch (error) {
    assert.ok(error instanceof PeerloomError, String(error));
    assert.equal(error.code, 'ERR_MESSAGE_INVALID');
    return;
  }
  assert.deepStrictEqual(throughTheWire(data), data);
}

/** Pieces of JSON and near misses, in any order. */
const jsonLike = fc
  .array(
    fc.constantFrom(
      ...[
        '[',
        ']',
        '{',
        '}',
        ':',
        ',',
        ' ',
        '\n',
        '\t',
        '\v',
        '\ufeff',
        'true',
        'false',
        'null',
        'NaN',
        'tru',
      ],
      ...[
        '0',
        '-0',
        '-',
        '01',
        '1',
        '-12',
        '1.5',
        '.5',
        '5.',
        '-0.0',
        '1e3',
        '1E+2',
        '-1.5e-3',
        '1e',
        '1e999',
      ],
      ...['123456789012345', '1234567890123456', '12345678901234567890', '0.30000000000000004', '5e-324'],
      ...[
        '""',
        '"a"',
        '"a":',
        '"b":',
        '"__proto__":',
        '"constructor":',
        '"10":',
        '"9":',
        '"',
        '"\\u00e9"',
        '"\\x"',
      ],
      ...[
        '"longer than what a slice copies"',
        '"\\ud800"',
        '"tab\t"',
        '"\\""',
        '[]',
        '{}',
        '{"a":1}',
        '[1,2]',
      ],
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''));

function readsAlike(text: string): void {
  const limits = { maxDepth: 256, maxContainers: 1_000 };
  const outcomeOf = (read: () => unknown): unknown => {
    try {
      return { value: read() };
    } catch {
      return 'refused';
    }
  };
  const inSteps = outcomeOf(() => runNow(jsonSteps(text, limits)));
  assert.deepStrictEqual(
    inSteps,
    outcomeOf(() => JSON.parse(text)),
  );
}

suite('payloads', () => {
  test('any data comes back equal and of the same type', () => {
    const property = (data: Data) => assert.deepStrictEqual(throughTheWire(data), data);
    fuzz('payloads', fc.property(anyJson, property), 2_000);
    fuzz('payloads', fc.property(anyData, property), 2_000);
  });

  test('the lists, objects and binaries of any data are counted', () => {
    const property = (data: Data) => {
      const { format, body } = encodePayload(data);
      const isWhole = format !== PayloadFormat.json && format !== PayloadFormat.cbor;
      assert.equal(countContainers(format, body), isWhole ? 0 : containersIn(data));
    };
    fuzz('payloads', fc.property(anyJson, property), 2_000);
    fuzz('payloads', fc.property(anyData, property), 2_000);
  });

  test('any data is the same when it is read in steps', () => {
    const property = (data: Data) => {
      const { format, body } = encodePayload(data);
      const whole = decodePayload(format, body.slice());
      assert.deepStrictEqual(runNow(payloadSteps(format, body.slice())), whole);
    };
    fuzz('payloads', fc.property(anyJson, property), 2_000);
    fuzz('payloads', fc.property(anyData, property), 2_000);
  });

  test('any JSON text is in steps what JSON.parse makes of it', () => {
    fuzz('payloads', fc.property(jsonLike, readsAlike), 2_500);
    fuzz('payloads', fc.property(fc.json({ noUnicodeString: false, maxDepth: 6 }), readsAlike), 1_000);
  });

  test('any bytes in any format are data or ERR_MESSAGE_INVALID', () => {
    fuzz('payloads', fc.property(anyFormat, fc.uint8Array({ maxLength: 200 }), decodesOrIsInvalid), 5_000);
    fuzz(
      'payloads',
      fc.property(cborLike, (body) => decodesOrIsInvalid(PayloadFormat.cbor, body)),
      10_000,
    );
  });

  test('what was encoded and then damaged is data or ERR_MESSAGE_INVALID', () => {
    const damages = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 });
    fuzz(
      'payloads',
      fc.property(
        anyData,
        damages,
        fc.nat(),
        fc.constantFrom(undefined, ...formats),
        (data, flips, cut, otherFormat) => {
          const { format, body } = encodePayload(data);
          const damaged = Uint8Array.from(
            body.subarray(0, cut % 3 === 0 ? cut % (body.length + 1) : body.length),
          );
          for (const [at, mask] of flips) if (damaged.length > 0) damaged[at % damaged.length]! ^= mask;
          decodesOrIsInvalid(otherFormat ?? format, damaged);
        },
      ),
      4_000,
    );
  });
});

suite('compression', () => {
  const maxBytes = 100_000;
  const anyCompression = fc.constantFrom('zlib', 'brotli', 'zstd');

  test('any bytes come back, and damaged ones are refused or within the limit', () => {
    fuzz(
      'compression',
      fc.property(
        anyCompression,
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(),
        fc.nat(255),
        (name, body, at, mask) => {
          const code = compressionCodes[name];
          const compressed = Uint8Array.from(compress(body, name));
          assert.deepEqual([...decompress(compressed, code, body.length)], [...body]);
          compressed[at % compressed.length]! ^= mask;
          try {
            assert.ok(decompress(compressed, code, maxBytes).length <= maxBytes);
          } catch (error) {
            assert.ok(error instanceof PeerloomError, String(error));
            assert.equal(error.code, 'ERR_DECOMPRESSION');
          }
        },
      ),
      2_000,
    );
  });

  test('large ones that are damaged end alike at once and at a pace', async () => {
    const body = Buffer.alloc(400_000, 'a sentence again and again, '.repeat(500));
    const names = availableCompressions().filter((name) => name !== 'none');
    const compressed = new Map(names.map((name) => [name, compress(body, name)]));
    const outcomeOf = async (
      attempt: () => Uint8Array | Promise<Uint8Array>,
    ): Promise<Uint8Array | string> => {
      try {
        return await attempt();
      } catch (error) {
        assert.ok(error instanceof PeerloomError, String(error));
        return error.message;
      }
    };
    const property = fc.asyncProperty(
      fc.constantFrom(...names),
      fc.nat(),
      fc.nat(255),
      fc.constantFrom(body.length, 2 * body.length, 300_000),
      async (name, at, mask, maxBytes) => {
        const damaged = Uint8Array.from(compressed.get(name)!);
        damaged[at % damaged.length]! ^= mask;
        const code = compressionCodes[name];
        const pace: Pace = { pause: () => Promise.resolve(), aside: (work) => work };
        const atOnce = await outcomeOf(() => decompress(damaged, code, maxBytes));
        const atPace = await outcomeOf(() => decompress(damaged, code, maxBytes, pace));
        assert.deepEqual(typeof atPace, typeof atOnce);
        if (typeof atOnce !== 'string') assert.equal(Buffer.compare(atPace as Uint8Array, atOnce), 0);
      },
    );
    await fuzzLive('compression', property, 2_000);
  });
});
