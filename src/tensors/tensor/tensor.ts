import { byteLengthOf, type DType, isDType, layouts } from './dtypes.ts';
import { type TensorSource, tensorParts } from './tensor-parts.ts';
import { bytesOf } from './typed-arrays.ts';
import { typedElements } from './typed-elements.ts';

/** The results of {@link Tensor.toTyped} for each type. */
export interface TypedArrays {
  /** The elements. They share the memory of the tensor if it is aligned. */
  float64: Float64Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  float32: Float32Array;
  /** The elements. If the runtime does not have `Float16Array`, their numbers in a `Float32Array`. */
  float16: Float16Array | Float32Array;
  /** The numbers in a `Float32Array`, because there is no typed array for this type. */
  bfloat16: Float32Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  int8: Int8Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  int16: Int16Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  int32: Int32Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  int64: BigInt64Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  uint8: Uint8Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  uint16: Uint16Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  uint32: Uint32Array;
  /** The elements. They share the memory of the tensor if it is aligned. */
  uint64: BigUint64Array;
  /** 0 or 1 for each element. */
  bool: Uint8Array;
}

/** The options of {@link Tensor.from}. */
export interface TensorOptions {
  /** The length of each dimension. Default: the shape of the source, or one dimension for a typed array. */
  readonly shape?: readonly number[];
  /**
   * The type of the elements. Default: the type of the source; `'float32'` for numbers, `'int64'` for bigints, `'bool'`
   * for booleans. A `Uint16Array` with `'float16'` or `'bfloat16'` contains the bits of the elements.
   */
  readonly dtype?: DType;
}

/**
 * Numbers of one type with a shape, which NumPy calls an array and PyTorch a tensor. It is a kind of {@link Data}: you
 * can send it as a message, or anywhere inside a message, and it arrives as an equal `Tensor`.
 *
 * `data` contains the elements in row-major order (C order: the index of the last dimension changes fastest),
 * little-endian. A tensor of shape `[]` is a single number. A tensor with a dimension of 0 has no elements.
 *
 * @example
 * const weights = Tensor.from(new Float32Array(6), { shape: [2, 3] });
 * node.sendToNodes({ round: 3, weights });
 * // … and on the other side
 * if (data.weights instanceof Tensor) average(data.weights.toTyped('float32'), data.weights.shape);
 */
export class Tensor {
  /** The type of the elements. */
  readonly dtype: DType;
  /** The length of each dimension, the outermost first. At most 32 dimensions. Frozen. */
  readonly shape: readonly number[];
  /** The elements, in the memory from which the tensor was created or in which it arrived. You may change them. */
  readonly data: Uint8Array;

  /**
   * Creates a tensor from bytes, without copying them.
   *
   * @param data little-endian elements in row-major order, with exactly the number of bytes that the type and the shape
   * need. For `'bool'`, each byte must be 0 or 1.
   * @throws TypeError or RangeError if the type or the shape is not valid, or the bytes do not fit them.
   */
  constructor(dtype: DType, shape: readonly number[], data: Uint8Array) {
    if (!isDType(dtype))
      throw new TypeError(`dtype must be one of ${Object.keys(layouts).join(', ')}, not ${dtype}`);
    if (!Array.isArray(shape)) throw new TypeError(`shape must be a list of lengths, not ${shape}`);
    const bytes = bytesOf(data);
    if (bytes === undefined) {
      throw new TypeError(
        'data must be a Uint8Array of the elements; Tensor.from() takes other typed arrays',
      );
    }
    const needed = byteLengthOf(dtype, shape);
    if (bytes.length !== needed) {
      throw new RangeError(
        `${dtype} of the shape [${shape}] takes ${needed} bytes, but data has ${bytes.length}`,
      );
    }
    if (dtype === 'bool' && bytes.some((byte) => byte > 1)) {
      throw new RangeError('data of bool holds a byte that is neither 0 nor 1');
    }
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    // A Buffer is turned into a plain Uint8Array, because some of its methods differ.
    this.data =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, needed);
  }

  /**
   * Creates a tensor from a typed array, nested lists of numbers, or a tensor of onnxruntime, Transformers.js
   * (`{ type, dims, data }`), TensorFlow.js (`{ dtype, shape, dataSync() }`) or npyjs (`{ dtype, shape, data }`). Typed
   * arrays are not copied: the tensor uses their memory.
   *
   * @throws TypeError or RangeError if lists have different lengths, a number does not fit into the type, or the
   * elements do not fit the type or the shape. A typed array is never converted to another type; use `cast` of
   * `peerloom/tensors` for that.
   */
  static from(source: TensorSource, options: TensorOptions = {}): Tensor {
    const { dtype, shape, data } = tensorParts(source, options);
    return new Tensor(dtype, shape, data);
  }

  /** The number of elements. 1 for the shape `[]`. */
  get size(): number {
    return this.data.length / layouts[this.dtype].bytesPerElement;
  }

  /**
   * Returns the elements as a typed array. It shares the memory of `data` if the runtime has a class for the type and
   * the memory is aligned; otherwise it is a copy. See {@link TypedArrays} for float16, bfloat16 and bool.
   *
   * @param dtype the type that you expect, for a tensor from an untrusted source.
   * @throws TypeError if the tensor has another type than `dtype`.
   */
  toTyped<D extends DType = DType>(dtype?: D): TypedArrays[D] {
    if (dtype !== undefined && dtype !== this.dtype) {
      throw new TypeError(
        `the tensor holds ${this.dtype}, not ${dtype}: convert it with cast() of peerloom/tensors`,
      );
    }
    return typedElements(this.dtype, this.data) as TypedArrays[D];
  }
}
