import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Tensor } from '../../../src/tensors/index.ts';

/** As the Tensor of onnxruntime-common 1.30.0: `type`, `dims`, `data`; elements elsewhere than in memory make `data` throw. */
class OnnxTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: 'cpu' | 'gpu-buffer';
  readonly #data: unknown;

  constructor(type: string, data: unknown, dims: readonly number[], location: 'cpu' | 'gpu-buffer' = 'cpu') {
    this.type = type;
    this.dims = dims;
    this.location = location;
    this.#data = data;
  }

  get size(): number {
    return this.dims.reduce((product, length) => product * length, 1);
  }

  get data(): unknown {
    if (this.location === 'cpu') return this.#data;
    throw new Error('The data is not on CPU. Use `getData()` to download GPU data to CPU');
  }
}

/** As the Tensor of @tensorflow/tfjs-core 4.22.0: `dtype`, `shape`, `dataSync()`, and no `data` that is an array. */
class TensorFlowTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly #values: unknown;

  constructor(dtype: string, values: unknown, shape: readonly number[]) {
    this.dtype = dtype;
    this.shape = shape;
    this.#values = values;
  }

  dataSync(): unknown {
    return this.#values;
  }

  data(): Promise<unknown> {
    return Promise.resolve(this.#values);
  }
}

suite('Tensor.from, of tensors of libraries', () => {
  test('onnxruntime: its memory, type and shape', () => {
    const elements = Float32Array.of(1, 2, 3, 4);
    const tensor = Tensor.from(new OnnxTensor('float32', elements, [2, 2]));
    assert.deepEqual(
      tensor,
      Tensor.from([
        [1, 2],
        [3, 4],
      ]),
    );
    assert.equal(tensor.data.buffer, elements.buffer);
    assert.deepEqual(
      Tensor.from(new OnnxTensor('bool', Uint8Array.of(1, 0), [2])),
      Tensor.from([true, false]),
    );
    assert.deepEqual(Tensor.from(new OnnxTensor('int64', BigInt64Array.of(7n), [])), Tensor.from(7n));
    const half = new OnnxTensor('float16', Uint16Array.of(0x3c00), [1]);
    assert.deepEqual(Tensor.from(half), Tensor.from([1], { dtype: 'float16' }));
  });

  test('onnxruntime: text, elements elsewhere, and types that are no tensor of ours are refused', () => {
    assert.throws(
      () => Tensor.from(new OnnxTensor('string', ['a'], [1])),
      /TypeError: a tensor of string has no typed array/,
    );
    assert.throws(
      () => Tensor.from(new OnnxTensor('int4', new Uint8Array(1), [2])),
      /int4 has no type that peerloom knows/,
    );
    assert.throws(
      () => Tensor.from(new OnnxTensor('float32', new Float32Array(1), [1], 'gpu-buffer')),
      /not on CPU/,
    );
    assert.throws(() => Tensor.from(new OnnxTensor('float32', new Float32Array(3), [2])), RangeError);
    assert.throws(
      () => Tensor.from(new OnnxTensor('float32', new Int32Array(1), [1])),
      /Int32Array is not float32/,
    );
  });

  test('TensorFlow.js: scalars, bools and tensors without elements too', () => {
    const matrix = new TensorFlowTensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2]);
    assert.deepEqual(
      Tensor.from(matrix),
      Tensor.from([
        [1, 2],
        [3, 4],
      ]),
    );
    assert.deepEqual(
      Tensor.from(new TensorFlowTensor('int32', Int32Array.of(1), [1])),
      Tensor.from(Int32Array.of(1)),
    );
    assert.deepEqual(Tensor.from(new TensorFlowTensor('bool', Uint8Array.of(1), [1])), Tensor.from([true]));
    assert.deepEqual(Tensor.from(new TensorFlowTensor('float32', Float32Array.of(3), [])), Tensor.from(3));
    assert.deepEqual(Tensor.from(new TensorFlowTensor('float32', new Float32Array(0), [0, 3])).shape, [0, 3]);
    assert.throws(
      () => Tensor.from(new TensorFlowTensor('complex64', new Float32Array(2), [1])),
      /complex64 has no type/,
    );
    assert.throws(() => Tensor.from(new TensorFlowTensor('string', ['a'], [1])), /string has no typed array/);
  });

  test('arrays in the order of Fortran are refused, and another type is not assumed', () => {
    const array = { dtype: 'float32', shape: [2, 2], data: new Float32Array(4), fortranOrder: true };
    assert.throws(() => Tensor.from(array), /TypeError: the source is in Fortran order/);
    assert.deepEqual(Tensor.from({ ...array, fortranOrder: false }).shape, [2, 2]);
    const matrix = new TensorFlowTensor('float32', new Float32Array(1), [1]);
    assert.throws(() => Tensor.from(matrix, { dtype: 'float64' }), /float32 is not float64.*cast\(\)/);
  });
});
