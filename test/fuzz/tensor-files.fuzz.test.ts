import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { PeerloomError } from '../../src/index.ts';
import { zipAsTorchDoes } from '../../src/tensors/formats/torch/torch-zip.ts';
import {
  type DType,
  readNpy,
  readNpz,
  readSafetensors,
  readTorch,
  type StateDict,
  Tensor,
  writeNpy,
  writeNpz,
  writeSafetensors,
  writeTorch,
} from '../../src/tensors/index.ts';
import { byteLengthOf, layouts } from '../../src/tensors/tensor/dtypes.ts';
import { fuzz } from './fuzz.ts';

const anyDType = fc.constantFrom(...(Object.keys(layouts) as DType[]));
const anyTensor = fc
  .tuple(anyDType, fc.array(fc.nat(4), { maxLength: 4 }), fc.uint8Array({ minLength: 256, maxLength: 256 }))
  .map(([dtype, shape, bytes]) => {
    const length = byteLengthOf(dtype, shape);
    const data = Uint8Array.from({ length }, (_, at) =>
      dtype === 'bool' ? bytes[at % 256]! & 1 : bytes[at % 256]!,
    );
    return new Tensor(dtype, shape, data);
  });
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).filter((name) => name.isWellFormed()),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '0',
    '1',
    'layer.0.weight',
    '__metadata',
    'a/b',
    '😀',
    '\uffee',
    'storage',
    'cpu',
  ),
);
const anyState: fc.Arbitrary<StateDict> = fc
  .uniqueArray(fc.tuple(anyName, anyTensor), { maxLength: 6, selector: ([name]) => name })
  .map((entries) => Object.fromEntries(entries));

interface Format {
  readonly name: string;
  readonly write: (state: StateDict) => Uint8Array;
  readonly read: (bytes: Uint8Array) => StateDict;
  /** Files that the real packages wrote. */
  readonly captures?: readonly Uint8Array[];
}

/** A tensor more than an array of each kind, so that .npy files are among the state dicts. */
const formats: readonly Format[] = [
  { name: 'safetensors', write: (state) => writeSafetensors(state, { format: 'pt' }), read: readSafetensors },
  {
    name: '.npy',
    write: (state) => writeNpy(Object.values(state)[0] ?? Tensor.from([1])),
    read: (bytes) => ({ array: readNpy(bytes) }),
  },
  { name: '.npz', write: writeNpz, read: readNpz },
  { name: '.npz, compressed', write: (state) => writeNpz(state, { compress: true }), read: readNpz },
  {
    name: 'torch',
    write: writeTorch,
    read: readTorch,
    captures: [Uint8Array.from(readFileSync(join(import.meta.dirname, 'captures/torch-2.15.pt')))],
  },
];

/** Whatever the bytes are, they become tensors or one error, and no more memory than they could fill. */
function readsOrRefuses(read: Format['read'], bytes: Uint8Array): void {
  let state: StateDict;
  try {
    state = read(bytes);
  } catch (error) {
    assert.ok(error instanceof PeerloomError, String((error as Error)?.stack));
    assert.equal(error.code, 'ERR_TENSOR_FORMAT');
    assert.doesNotMatch(error.message, /[\n\p{Cc}]/u);
    return;
  }
  const own = Object.values(state).filter(({ data }) => data.buffer !== bytes.buffer);
  const copied = own.reduce((sum, { data }) => sum + data.length, 0);
  assert.ok(copied <= bytes.length * 1_032 + 16 * 1024 * 1024);
  for (const { dtype, shape, data } of Object.values(state)) {
    assert.equal(data.length, byteLengthOf(dtype, shape));
  }
}

/** A few bytes changed, a piece cut out, or repeated; more often near the beginning and the end, where lengths are. */
const place = fc.oneof(
  fc.nat(200),
  fc.nat(400).map((back) => -1 - back),
  fc.nat(),
);
const anyDamage: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc
  .array(
    fc.oneof(
      fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([at, mask]) => (bytes: Uint8Array) => {
        const changed = bytes.slice();
        const index = at < 0 ? Math.max(0, bytes.length + at) : at % Math.max(1, bytes.length);
        if (changed.length > 0) changed[index]! ^= mask;
        return changed;
      }),
      fc
        .tuple(place, fc.constantFrom(0, 0xff, 0x7f, 0x80), fc.constantFrom(2, 4, 8))
        .map(([at, value, count]) => (bytes: Uint8Array) => {
          const index = at < 0 ? Math.max(0, bytes.length + at) : at % Math.max(1, bytes.length);
          return bytes.slice().fill(value, index, index + count);
        }),
      fc.tuple(fc.nat(), fc.nat(40)).map(([at, count]) => (bytes: Uint8Array) => {
        const start = at % (bytes.length + 1);
        return Uint8Array.from([...bytes.subarray(0, start), ...bytes.subarray(start + count)]);
      }),
      fc.tuple(fc.nat(), fc.nat(40)).map(([at, count]) => (bytes: Uint8Array) => {
        const start = at % (bytes.length + 1);
        return Uint8Array.from([...bytes.subarray(0, start + count), ...bytes.subarray(start)]);
      }),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((damages) => (bytes) => damages.reduce((damaged, damage) => damage(damaged), bytes));

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Pieces of pickles, mostly such that fit each other. */
const picklePieces = fc
  .array(
    fc.constantFrom(
      ...[
        '}',
        ']',
        ')',
        '(',
        't',
        'u',
        's',
        'a',
        'e',
        'b',
        'R',
        'Q',
        'N',
        '\x85',
        '\x86',
        '\x87',
        '\x88',
        'h\0',
        'q\0',
        'h\x01',
        'q\x01',
      ],
      ...[
        'K\x01',
        'K\x02',
        'M\x00\x01',
        'J\xff\xff\xff\xff',
        '\x8a\x01\x02',
        'G\x3f\xf0\0\0\0\0\0\0',
        'X\x01\0\0\x000',
        'X\x07\0\0\0storage',
      ],
      ...[
        'ctorch\nFloatStorage\n',
        'ctorch.storage\nUntypedStorage\n',
        'ctorch._utils\n_rebuild_tensor_v2\n',
      ],
      ...[
        'ctorch._utils\n_rebuild_tensor_v3\n',
        'ctorch\nuint16\n',
        'ccollections\nOrderedDict\n',
        'ccollections\nOrderedDict\n)R',
      ],
      '(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ',
      'ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89NtR',
    ),
    { maxLength: 25 },
  )
  .map((pieces) => latin1(`\x80\x02${pieces.join('')}.`));

/** Pieces of the headers of safetensors files. */
const headerPieces = fc
  .array(
    fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ':',
        ',',
        ' ',
        '"a"',
        '"b":',
        '"__metadata__":',
        '"dtype":"U8"',
        '"shape":[1]',
        '"data_offsets":[0,1]',
      ],
      ...[
        '"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',
        '"b":{"dtype":"I8","shape":[],"data_offsets":[1,2]}',
        '1',
        '-1',
        '1e9',
        'null',
      ],
    ),
    { maxLength: 12 },
  )
  .map((pieces) => `{${pieces.join('')}}`);

suite('files of tensors', () => {
  for (const { name, write, read, captures = [] } of formats) {
    test(`${name}: whatever is written is read as it was`, () => {
      const property = (state: StateDict): void => {
        const back = read(write(state));
        if (name !== '.npy')
          assert.deepStrictEqual(new Map(Object.entries(back)), new Map(Object.entries(state)));
        else assert.deepStrictEqual(back.array, Object.values(state)[0] ?? Tensor.from([1]));
      };
      fuzz(`files of tensors, ${name}`, fc.property(anyState, property), 150);
    });

    test(`${name}: a damaged file is tensors or ERR_TENSOR_FORMAT`, () => {
      const anyFile = fc.oneof(anyState.map(write), ...captures.map((file) => fc.constant(file)));
      const property = (file: Uint8Array, damage: (bytes: Uint8Array) => Uint8Array): void =>
        readsOrRefuses(read, damage(file));
      fuzz(`files of tensors, ${name}`, fc.property(anyFile, anyDamage, property), 600);
    });

    test(`${name}: any bytes are tensors or ERR_TENSOR_FORMAT`, () => {
      const property = (bytes: Uint8Array): void => readsOrRefuses(read, bytes);
      fuzz(`files of tensors, ${name}`, fc.property(fc.uint8Array({ maxLength: 200 }), property), 200);
    });
  }

  test('any pieces of pickles are tensors or ERR_TENSOR_FORMAT', () => {
    const property = (pickle: Uint8Array): void => {
      const files = { 'a/data.pkl': pickle, 'a/data/0': new Uint8Array(8) };
      const file = zipAsTorchDoes(Object.entries(files).map(([name, content]) => ({ name, content })));
      readsOrRefuses(readTorch, file);
    };
    fuzz('pickles of state dicts', fc.property(picklePieces, property), 2_000);
  });

  test('any pieces of a safetensors header are tensors or ERR_TENSOR_FORMAT', () => {
    const property = (header: string, dataBytes: number): void => {
      const file = new Uint8Array(8 + header.length + dataBytes);
      new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
      file.set(latin1(header), 8);
      readsOrRefuses(readSafetensors, file);
    };
    fuzz('headers of safetensors files', fc.property(headerPieces, fc.nat(3), property), 2_000);
  });
});
