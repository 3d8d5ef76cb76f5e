import { byteLengthOf, type DType, isDType, layouts } from './dtypes.ts';
import { type TensorSource, tensorParts } from './tensor-parts.ts';
import { bytesOf } from './typed-arrays.ts';
import { typedElements } from './typed-elements.ts';

/** What {@link Tensor.toTyped} makes of each type. */
export interface TypedArrays {
  /** The elements, over the memory of the tensor where it is aligned. */
  float64: Float64Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  float32: Float32Array;
  /** Where the runtime lacks `Float16Array`, the numbers as a `Float32Array`. */
  float16: Float16Array | Float32Array;
  /** The numbers, since no typed array has this type. */
  bfloat16: Float32Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  int8: Int8Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  int16: Int16Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  int32: Int32Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  int64: BigInt64Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  uint8: Uint8Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  uint16: Uint16Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  uint32: Uint32Array;
  /** The elements, over the memory of the tensor where it is aligned. */
  uint64: BigUint64Array;
  /** 0 or 1 for each element. */
  bool: Uint8Array;
}

/** What {@link Tensor.from} takes beside the elements. */
export interface TensorOptions {
  /** The length of each dimension. Default: that of the source, or one dimension for a typed array. */
  readonly shape?: readonly number[];
  /**
   * The type of the elements. Default: that of the source. For numbers `'float32'`, for bigints `'int64'`, for booleans
   * `'bool'`. A `Uint16Array` with `'float16'` or `'bfloat16'` holds the bits of the elements.
   */
  readonly dtype?: DType;
}

/**
 * A block of numbers of one type, with a shape: what NumPy and PyTorch call an array or a tensor. It is a kind of
 * {@link Data}: send one as a message, or anywhere inside one, and it arrives equal, as a `Tensor`.
 *
 * The elements lie in `data` one after the other, the last dimension first (row-major, C order), little-endian. A shape
 * of `[]` is a single number; a dimension of 0 leaves no elements.
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
  /** The length of each dimension, the outermost first; 32 dimensions at most. Frozen. */
  readonly shape: readonly number[];
  /** The elements. The memory is the one that the tensor was made with, or that it arrived in: it is yours to change. */
  readonly data: Uint8Array;

  /**
   * Makes a tensor of bytes, which are not copied.
   *
   * @param data little-endian elements in row-major order, exactly as many bytes as the shape needs; for `'bool'`, each
   * 0 or 1.
   * @throws TypeError, RangeError for a type or a shape that there is not, and bytes that do not fit them.
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
    // Not a Buffer, whose methods differ.
    this.data =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, needed);
  }

  /**
   * Makes a tensor of what programs have: a typed array, nested lists of numbers, or a tensor of onnxruntime,
   * Transformers.js (`{ type, dims, data }`), TensorFlow.js (`{ dtype, shape, dataSync() }`) or npyjs
   * (`{ dtype, shape, data }`). The memory of typed arrays is used as it is, not copied.
   *
   * @throws TypeError, RangeError for lists of different lengths, numbers that the type cannot hold, and elements that
   * do not fit the type or the shape. It converts no typed array from one type to another: `cast` of
   * `peerloom/tensors` does.
   */
  static from(source: TensorSource, options: TensorOptions = {}): Tensor {
    const { dtype, shape, data } = tensorParts(source, options);
    return new Tensor(dtype, shape, data);
  }

  /** The number of elements: 1 for the shape `[]`. */
  get size(): number {
    return this.data.length / layouts[this.dtype].bytesPerElement;
  }

  /**
   * The elements as a typed array: over the memory of `data` where the runtime has a class for the type, and the memory
   * is aligned to it; otherwise a copy. See {@link TypedArrays} for float16, bfloat16 and bool.
   *
   * @param dtype the type that you expect, for a tensor that came from elsewhere.
   * @throws TypeError when the tensor has another type than `dtype`.
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
