import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type DType,
  readSafetensors,
  readSafetensorsWithMetadata,
  Tensor,
  writeSafetensors,
} from '../../../../src/tensors/index.ts';
import { withCode } from '../../../support/errors.ts';

/** A file with this header, of as many bytes of data. */
function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const bytes = (from: number, to: number): object => ({
  dtype: 'U8',
  shape: [to - from],
  data_offsets: [from, to],
});

const refuses = (file: Uint8Array, message: RegExp): void =>
  assert.throws(() => readSafetensors(file), withCode('ERR_TENSOR_FORMAT', message));

test('each type has the name of the format, and the widest types come first', () => {
  const types = {
    BOOL: 'bool',
    U8: 'uint8',
    I8: 'int8',
    I16: 'int16',
    U16: 'uint16',
    F16: 'float16',
    BF16: 'bfloat16',
    I32: 'int32',
    U32: 'uint32',
    F32: 'float32',
    F64: 'float64',
    I64: 'int64',
    U64: 'uint64',
  } as const satisfies Record<string, DType>;
  const widthOf = (name: string) => (name === 'BOOL' ? 1 : Number(/\d+/.exec(name)![0]) / 8);
  const state = Object.fromEntries(
    Object.entries<DType>(types).map(([name, dtype]) => [
      dtype,
      new Tensor(dtype, [1], new Uint8Array(widthOf(name)).fill(1)),
    ]),
  );
  const file = writeSafetensors(state);
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  assert.deepEqual(
    Object.fromEntries(Object.entries(header).map(([name, { dtype }]) => [dtype, name])),
    types,
  );
  const inOrder = Object.values(header).sort((one, other) => one.data_offsets[0] - other.data_offsets[0]);
  assert.deepEqual(
    inOrder.map(({ dtype }) => dtype),
    Object.keys(types).reverse(),
  );
  assert.deepEqual(readSafetensors(file), state);
});

suite('readSafetensors', () => {
  test('puts the tensors into the memory of the file', () => {
    const file = writeSafetensors({
      b: Tensor.from(Float32Array.of(1, 2)),
      a: Tensor.from(Uint8Array.of(7)),
    });
    const { a, b } = readSafetensors(file);
    assert.equal(b!.data.buffer, file.buffer);
    assert.deepEqual(b!.toTyped('float32'), Float32Array.of(1, 2));
    assert.deepEqual(a, Tensor.from(Uint8Array.of(7)));
    assert.deepEqual(readSafetensors(file.buffer as ArrayBuffer), { a, b });
  });

  test('accepts spaces behind the header, and tensors without elements', () => {
    const file = fileOf('{ "a" : {"dtype":"F32","shape":[0,5],"data_offsets":[0,0]} }   ', 0);
    assert.deepEqual(readSafetensors(file).a, new Tensor('float32', [0, 5], new Uint8Array(0)));
  });

  test('keeps any name as a property of its own', () => {
    const state = readSafetensors(fileOf(`{"__proto__":${JSON.stringify(bytes(0, 1))}}`, 1));
    assert.deepEqual(Object.keys(state), ['__proto__']);
    assert.equal(Object.getPrototypeOf(state), Object.prototype);
  });

  test('refuses bytes that are no safetensors file', () => {
    refuses(new Uint8Array(7), /at least 8 bytes, not 7/);
    refuses(new Uint8Array(8).fill(0xff), /header is too long/);
    const long = new Uint8Array(8);
    new DataView(long.buffer).setBigUint64(0, 100_000_001n, true);
    refuses(long, /header is too long: it would have 100000001 bytes, and 100000000 are allowed/);
    new DataView(long.buffer).setBigUint64(0, 100_000_000n, true);
    refuses(long, /cut short/);
    refuses(fileOf('{}', 0).subarray(0, 9), /cut short/);
    refuses(fileOf(' {}', 0), /does not begin with {/);
    refuses(fileOf('', 0), /does not begin with {/);
  });

  test('refuses a header that is not what JSON and the format say', () => {
    for (const header of [
      '{',
      '{}x',
      '{"a"}',
      '{"a":1}',
      '{"a":{"dtype":"U8",}}',
      '{"\\x":{}}',
      '{"a\n":{}}',
    ]) {
      refuses(fileOf(header, 0), /^the safetensors header is damaged/);
    }
    refuses(fileOf('{"\\ud800":{}}', 0), /no text of JSON/);
    refuses(fileOf({ a: { dtype: 'U8', shape: [1] } }, 1), /lacks dtype, shape or data_offsets/);
    refuses(fileOf({ a: { ...bytes(0, 1), more: [] } }, 1), /unknown 'more'/);
    refuses(fileOf({ __metadata__: { a: 1 } }, 0), /damaged/);
    const twice = JSON.stringify(bytes(0, 1));
    refuses(fileOf(`{"a":${twice},"a":${twice}}`, 1), /'a' twice/);
    const notUtf8 = fileOf('{"a":{}}', 0);
    notUtf8[10] = 0xff;
    refuses(notUtf8, /not UTF-8/);
  });

  test('refuses shapes that no tensor has', () => {
    const shaped = (shape: string): Uint8Array =>
      fileOf(`{"a":{"dtype":"F64","shape":${shape},"data_offsets":[0,8]}}`, 8);
    refuses(shaped('[-1]'), /damaged/);
    refuses(shaped('[1.0]'), /damaged/);
    refuses(shaped('[1e0]'), /damaged/);
    refuses(shaped('[01]'), /damaged/);
    refuses(shaped('[9007199254740992]'), /up to 2\^53/);
    refuses(shaped('[9007199254740991,9007199254740991]'), /more than 2\^53/);
    refuses(shaped('[9007199254740991,9007199254740991,0]'), /more than 2\^53/);
    refuses(shaped(JSON.stringify(Array(33).fill(1))), /at most 32/);
    refuses(shaped('[2]'), /needs 16 bytes, but its data_offsets 0 and 8 hold 8/);
  });

  test('refuses tensors that share bytes, leave some out, or lie outside', () => {
    refuses(fileOf({ a: bytes(0, 2), b: bytes(1, 3) }, 3), /'b' shares bytes/);
    refuses(fileOf({ a: bytes(0, 2), b: bytes(0, 2) }, 2), /shares bytes/);
    refuses(fileOf({ a: bytes(1, 2) }, 2), /1 bytes before the tensor 'a'/);
    refuses(fileOf({ a: bytes(0, 1), b: bytes(2, 3) }, 3), /1 bytes before the tensor 'b'/);
    refuses(fileOf({ a: bytes(0, 3) }, 2), /cut short/);
    refuses(fileOf({ a: bytes(0, 1) }, 3), /2 bytes at the end/);
    refuses(fileOf({ a: { ...bytes(0, 0), data_offsets: [2, 1] } }, 2), /hold -1/);
  });

  test('refuses types that no Tensor has', () => {
    refuses(fileOf({ a: { ...bytes(0, 1), dtype: 'F8_E4M3' } }, 1), /type 'F8_E4M3', .* convert it first/);
    const state = fileOf({ a: { ...bytes(0, 1), dtype: 'BOOL' } }, 1);
    state[state.length - 1] = 2;
    refuses(state, /neither 0 nor 1/);
  });

  test('refuses arguments that are no bytes', () => {
    assert.throws(() => readSafetensors('{}' as never), /^TypeError: bytes must be a Uint8Array/);
  });
});

suite('writeSafetensors', () => {
  test('aligns every tensor to its type', () => {
    const state = readSafetensors(
      writeSafetensors({
        a: new Tensor('bool', [3], new Uint8Array(3)),
        b: new Tensor('float64', [1], new Uint8Array(8)),
        c: new Tensor('int16', [1], new Uint8Array(2)),
      }),
    );
    assert.deepEqual(Object.keys(state), ['b', 'c', 'a']);
    assert.deepEqual([state.b!.data.byteOffset % 8, state.c!.data.byteOffset % 2], [0, 0]);
  });

  test('sorts names as UTF-8 does, not as UTF-16', () => {
    const one = Tensor.from(Uint8Array.of(1));
    const names = Object.keys(
      readSafetensors(writeSafetensors({ '😀': one, '\uffee': one, aa: one, a: one })),
    );
    assert.deepEqual(names, ['a', 'aa', '\uffee', '😀']);
  });

  test('carries metadata', () => {
    const file = writeSafetensors({}, { format: 'pt', 'é"': '\n' });
    assert.deepEqual(readSafetensorsWithMetadata(file), {
      state: {},
      metadata: { format: 'pt', 'é"': '\n' },
    });
    assert.deepEqual(readSafetensorsWithMetadata(writeSafetensors({})).metadata, {});
  });

  test('refuses anything but tensors, names and text', () => {
    const one = Tensor.from(Uint8Array.of(1));
    assert.throws(() => writeSafetensors({ a: Uint8Array.of(1) } as never), /state\['a'\] must be a Tensor/);
    assert.throws(() => writeSafetensors(null as never), /^TypeError: state must be an object/);
    assert.throws(() => writeSafetensors({ '\ud800': one }), /well-formed/);
    assert.throws(() => writeSafetensors({ __metadata__: one }), /cannot be named __metadata__/);
    assert.throws(() => writeSafetensors({}, { a: 1 } as never), /metadata\['a'\] must be a string/);
  });
});
