import { type DType, isDType, layouts, maxDimensions } from './dtypes.ts';
import { bytesOf, elementBytes, elementTypeOf } from './typed-arrays.ts';
import { bytesOfNumbers, type TensorArray } from './typed-elements.ts';

/** Numbers in nested lists. All lists on one level must have the same length. */
export type NestedNumbers = number | bigint | boolean | readonly NestedNumbers[];

/** A tensor of onnxruntime or Transformers.js. */
export interface OnnxTensor {
  /** The type of the elements. */
  readonly type: string;
  /** The length of each dimension. */
  readonly dims: readonly number[];
  /** A typed array of the elements. They must be in CPU memory. */
  readonly data: unknown;
}

/** A tensor of TensorFlow.js. */
export interface TensorFlowTensor {
  /** The type of the elements. */
  readonly dtype: string;
  /** The length of each dimension. */
  readonly shape: readonly number[];
  /** Returns a typed array of the elements. */
  dataSync(): unknown;
}

/** An array of npyjs, or a Tensor of another copy of this package. */
export interface ArrayWithShape {
  /** The type of the elements. */
  readonly dtype: string;
  /** The length of each dimension. */
  readonly shape: readonly number[];
  /** A typed array of the elements, or their bytes. */
  readonly data: unknown;
  /** Whether the elements are in Fortran order. Such an array is refused. */
  readonly fortranOrder?: boolean;
}

/** The tensors of libraries, with the members that are read. */
export type LibraryTensor = OnnxTensor | TensorFlowTensor | ArrayWithShape;

/** The sources from which `Tensor.from` creates tensors. */
export type TensorSource = TensorArray | Uint8ClampedArray | NestedNumbers | LibraryTensor;

/** The parts of a tensor. */
interface TensorParts {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** The type and shape that the user requested. */
interface Wishes {
  readonly dtype?: DType;
  readonly shape?: readonly number[];
}

/**
 * Returns the parts of the tensor that `Tensor.from` creates from a source.
 *
 * @throws TypeError or RangeError if the source, the type and the shape do not fit each other.
 */
export function tensorParts(source: TensorSource, { dtype, shape }: Wishes): TensorParts {
  if (dtype !== undefined && !isDType(dtype)) {
    throw new TypeError(`dtype must be one of ${Object.keys(layouts).join(', ')}, not ${dtype}`);
  }
  if (ArrayBuffer.isView(source)) return partsOfArray(source, dtype, shape);
  if (typeof source !== 'object' || Array.isArray(source)) {
    return partsOfNumbers(source as NestedNumbers, dtype, shape);
  }
  const tensor = source as unknown as Record<string, unknown> | null;
  const named = tensor?.type ?? tensor?.dtype;
  const lengths = tensor?.dims ?? tensor?.shape;
  if (typeof named !== 'string' || !Array.isArray(lengths)) {
    throw new TypeError('a tensor is made of a typed array, numbers, or a tensor with dtype, shape and data');
  }
  if (tensor!.fortranOrder === true) {
    throw new TypeError(
      'the source is in Fortran order: write it in C order, as np.ascontiguousarray() does',
    );
  }
  const elements = typeof tensor!.dataSync === 'function' ? tensor!.dataSync() : tensor!.data;
  if (!ArrayBuffer.isView(elements))
    throw new TypeError(`a tensor of ${named} has no typed array as its data`);
  if (!isDType(named)) throw new TypeError(`a tensor of ${named} has no type that peerloom knows`);
  if (dtype !== undefined && dtype !== named) throw otherType(named, dtype);
  const bytes = bytesOf(elements);
  // The data of a Tensor of another copy of this package is always bytes, for every type.
  if (bytes !== undefined) return { dtype: named, shape: shape ?? lengths, data: bytes };
  return partsOfArray(elements, named, shape ?? lengths);
}

function partsOfArray(
  array: ArrayBufferView,
  dtype: DType | undefined,
  shape: readonly number[] | undefined,
): TensorParts {
  const type = elementTypeOf(array);
  const bytes = type === undefined ? bytesOf(array) : elementBytes(array, type);
  if (bytes === undefined) throw new TypeError('a DataView says nothing of its elements: use a typed array');
  const className = type?.className.replace('Clamped', '') ?? 'Uint8Array';
  const own = Object.entries(layouts).find(
    ([, layout]) => layout.className === className && layout.tag !== undefined,
  )![0] as DType;
  const isBits = className === 'Uint16Array' && (dtype === 'float16' || dtype === 'bfloat16');
  const fits = dtype === undefined || layouts[dtype].className === className || isBits;
  if (!fits) throw otherType(className, dtype);
  const bytesPerElement = type?.bytesPerElement ?? 1;
  return { dtype: dtype ?? own, shape: shape ?? [bytes.length / bytesPerElement], data: bytes };
}

function partsOfNumbers(
  source: NestedNumbers,
  dtype: DType | undefined,
  shape: readonly number[] | undefined,
): TensorParts {
  const lengths: number[] = [];
  for (let part = source; Array.isArray(part); part = part[0]) {
    if (lengths.push(part.length) > maxDimensions)
      throw new RangeError(`a tensor has at most ${maxDimensions} dimensions`);
  }
  const numbers: (number | bigint | boolean)[] = [];
  collect(source, lengths, numbers);
  const first = typeof numbers[0];
  const type = dtype ?? (first === 'bigint' ? 'int64' : first === 'boolean' ? 'bool' : 'float32');
  return { dtype: type, shape: shape ?? lengths, data: bytesOfNumbers(type, numbers) };
}

function collect(
  part: NestedNumbers,
  lengths: readonly number[],
  numbers: (number | bigint | boolean)[],
): void {
  const [length, ...inner] = lengths;
  if (Array.isArray(part) ? part.length !== length : length !== undefined) {
    throw new TypeError('the lists of a tensor must have the same length on each level');
  }
  if (Array.isArray(part)) for (const item of part) collect(item, inner, numbers);
  else if (['number', 'bigint', 'boolean'].includes(typeof part)) numbers.push(part as number);
  else
    throw new TypeError(
      `the lists of a tensor hold numbers, not ${part === null ? 'null' : `a ${typeof part}`}`,
    );
}

function otherType(from: string, to: string | undefined): TypeError {
  return new TypeError(`${from} is not ${to}: leave dtype out, and convert with cast() of peerloom/tensors`);
}
