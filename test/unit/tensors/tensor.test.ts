import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { type DType, layouts } from '../../../src/tensors/tensor/dtypes.ts';
import { Tensor } from '../../../src/tensors/tensor/tensor.ts';

const dtypes = Object.keys(layouts) as DType[];

suite('a tensor', () => {
  test('keeps the bytes that it is given, without a copy', () => {
    const bytes = new Uint8Array(24);
    const tensor = new Tensor('float32', [2, 3], bytes);
    assert.equal(tensor.data, bytes);
    assert.deepEqual(tensor.shape, [2, 3]);
    assert.equal(tensor.size, 6);
    assert.equal(new Tensor('int8', [], Uint8Array.of(1)).size, 1);
    assert.equal(new Tensor('int64', [4, 0], new Uint8Array(0)).size, 0);
  });

  test('has a shape that nobody can change', () => {
    const shape = [2];
    const tensor = new Tensor('int8', shape, new Uint8Array(2));
    shape[0] = 9;
    assert.deepEqual(tensor.shape, [2]);
    assert.throws(() => (tensor.shape as number[]).push(1), TypeError);
  });

  test('makes a plain Uint8Array of a Buffer, over the same memory', () => {
    const buffer = Buffer.from([1, 2]);
    const { data } = new Tensor('int8', [2], buffer);
    assert.equal(data.constructor, Uint8Array);
    assert.equal(data.buffer, buffer.buffer);
  });

  test('refuses what does not fit, and says what', () => {
    const bytes = new Uint8Array(8);
    const make = (dtype: unknown, shape: unknown, data: unknown) => () =>
      new Tensor(dtype as DType, shape as number[], data as Uint8Array);
    assert.throws(make('float8', [1], bytes), /TypeError: dtype must be one of float64, .*, not float8/);
    assert.throws(make('toString', [1], bytes), TypeError);
    assert.throws(make('int8', 8, bytes), /TypeError: shape must be a list/);
    assert.throws(make('int8', [8], new Int8Array(8)), /TypeError: data must be a Uint8Array/);
    assert.throws(
      make('int16', [8], bytes),
      /RangeError: int16 of the shape \[8\] takes 16 bytes, but data has 8/,
    );
    assert.throws(make('int8', [-8], bytes), RangeError);
    assert.throws(make('int8', [2.5], bytes), RangeError);
    assert.throws(make('int8', ['8'], bytes), RangeError);
    assert.throws(make('int8', new Array(33).fill(1), Uint8Array.of(1)), /at most 32 dimensions/);
    assert.throws(make('int8', [2 ** 30, 2 ** 30, 0], new Uint8Array(0)), /2\^53 bytes/);
    assert.throws(make('bool', [8], bytes.fill(2)), /neither 0 nor 1/);
  });
});

suite('toTyped', () => {
  test('is over the memory of the tensor where the class and the alignment allow it', () => {
    const memory = new ArrayBuffer(32);
    for (const dtype of dtypes) {
      const { bytesPerElement, className } = layouts[dtype];
      if (dtype === 'bfloat16' || !(className in globalThis)) continue;
      const aligned = new Tensor(dtype, [1], new Uint8Array(memory, 8, bytesPerElement)).toTyped();
      assert.equal(aligned.buffer, memory, dtype);
      assert.equal(aligned[Symbol.toStringTag], className);
      assert.equal(aligned.length, 1);
      if (bytesPerElement === 1) continue;
      const askew = new Tensor(dtype, [1], new Uint8Array(memory, 1, bytesPerElement)).toTyped();
      assert.notEqual(askew.buffer, memory, dtype);
    }
  });

  test('makes float32 of bfloat16', () => {
    const bits = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x7fc0, 0x8000, 0x0001);
    const values = Tensor.from(bits, { dtype: 'bfloat16' }).toTyped('bfloat16');
    assert.deepEqual([...values], [1, -2, Number.POSITIVE_INFINITY, Number.NaN, -0, 2 ** -133]);
  });

  test('makes float32 of float16 where the runtime lacks the class', (t) => {
    const original = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array');
    if (original === undefined) return t.skip('this runtime lacks it');
    const tensor = Tensor.from([1, -65504, 2 ** -24], { dtype: 'float16' });
    try {
      Reflect.deleteProperty(globalThis, 'Float16Array');
      const values = tensor.toTyped();
      assert.ok(values instanceof Float32Array);
      assert.deepEqual([...values], [1, -65504, 2 ** -24]);
    } finally {
      Object.defineProperty(globalThis, 'Float16Array', original);
    }
  });

  test('checks the type that the caller expects', () => {
    const tensor = Tensor.from([1, 2], { dtype: 'float64' });
    assert.deepEqual(tensor.toTyped('float64'), Float64Array.of(1, 2));
    assert.throws(
      () => tensor.toTyped('float32'),
      /TypeError: the tensor holds float64, not float32: convert/,
    );
  });
});

suite('from', () => {
  test('typed arrays, each with its type and over its memory', () => {
    for (const dtype of dtypes) {
      const { className } = layouts[dtype];
      const TypedArray = globalThis[className] as unknown as new (length: number) => Uint8Array;
      if (TypedArray === undefined || dtype === 'bfloat16' || dtype === 'bool') continue;
      const array = new TypedArray(6);
      const tensor = Tensor.from(array);
      assert.equal(tensor.dtype, dtype);
      assert.deepEqual(tensor.shape, [6]);
      assert.equal(tensor.data.buffer, array.buffer);
      assert.deepEqual(Tensor.from(array, { shape: [2, 3] }).shape, [2, 3]);
    }
    assert.equal(Tensor.from(new Uint8ClampedArray(1)).dtype, 'uint8');
    assert.equal(Tensor.from(Uint8Array.of(1), { dtype: 'bool' }).dtype, 'bool');
    assert.equal(Tensor.from(runInNewContext('new Float32Array(1)')).dtype, 'float32');
    assert.equal(Tensor.from(new Float32Array(8).subarray(2, 4)).data.byteOffset, 8);
  });

  test('bits of 16-bit floats', () => {
    const bits = Uint16Array.of(0x3c00);
    assert.equal(Tensor.from(bits, { dtype: 'float16' }).toTyped()[0], 1);
    assert.equal(Tensor.from(bits, { dtype: 'bfloat16' }).toTyped()[0], 0.0078125);
  });

  test('nested numbers', () => {
    const matrix = Tensor.from([
      [1, 2, 3],
      [4, 5, 6.5],
    ]);
    assert.deepEqual([matrix.dtype, matrix.shape], ['float32', [2, 3]]);
    assert.deepEqual(matrix.toTyped(), Float32Array.of(1, 2, 3, 4, 5, 6.5));
    assert.deepEqual(Tensor.from(5).shape, []);
    assert.deepEqual(Tensor.from([]).shape, [0]);
    assert.deepEqual(Tensor.from([[], []]).shape, [2, 0]);
    assert.equal(Tensor.from([1n, -1n]).dtype, 'int64');
    assert.deepEqual(Tensor.from([true, false]), new Tensor('bool', [2], Uint8Array.of(1, 0)));
    assert.deepEqual(Tensor.from([1, 2, 3, 4], { shape: [2, 2] }).shape, [2, 2]);
    assert.deepEqual(Tensor.from([1, 2], { dtype: 'int64' }).toTyped(), BigInt64Array.of(1n, 2n));
    assert.deepEqual(Tensor.from([1n, 2], { dtype: 'float64' }).toTyped(), Float64Array.of(1, 2));
  });

  test('refuses lists and numbers that do not fit', () => {
    assert.throws(
      () => Tensor.from([[1, 2], [3]]),
      /TypeError: the lists of a tensor must have the same length/,
    );
    assert.throws(() => Tensor.from([1, [2]]), TypeError);
    assert.throws(() => Tensor.from([[1], 2]), TypeError);
    assert.throws(() => Tensor.from([1, null] as never), /TypeError: .* hold numbers, not null/);
    assert.throws(() => Tensor.from(['1'] as never), /TypeError: .* hold numbers, not a string/);
    assert.throws(() => Tensor.from([300], { dtype: 'uint8' }), /RangeError: 300 does not fit into uint8/);
    assert.throws(() => Tensor.from([1.5], { dtype: 'int64' }), /RangeError: 1.5 does not fit/);
    assert.throws(() => Tensor.from([2n ** 63n], { dtype: 'int64' }), RangeError);
    assert.throws(() => Tensor.from([1, 2, 3], { shape: [2] }), RangeError);
    assert.throws(
      () => Tensor.from(new Float64Array(1), { dtype: 'float32' }),
      /Float64Array is not float32.*cast/,
    );
    assert.throws(() => Tensor.from(new DataView(new ArrayBuffer(1)) as never), /DataView/);
    assert.throws(() => Tensor.from(null as never), /TypeError: a tensor is made of/);
    assert.throws(() => Tensor.from({} as never), /TypeError: a tensor is made of/);
    const endless: unknown[] = [];
    endless[0] = endless;
    assert.throws(() => Tensor.from(endless as never), /at most 32 dimensions/);
  });

  test('a tensor of this package, also of another copy of it', () => {
    const tensor = Tensor.from([[1, 2]]);
    assert.deepEqual(Tensor.from(tensor), tensor);
    assert.equal(Tensor.from(tensor).data, tensor.data);
    const { dtype, shape, data } = tensor;
    assert.deepEqual(Tensor.from({ dtype, shape, data }), tensor);
  });
});
