/** The types of a tensor's elements. NumPy, PyTorch and the libraries for browsers share them. */
export type DType =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool';

/** The form of a type's elements in memory and on the wire. */
export interface Layout {
  readonly bytesPerElement: 1 | 2 | 4 | 8;
  /** The class of the typed array whose elements have the same bits. For bfloat16, these are unsigned integers. */
  readonly className:
    | `${'Int' | 'Uint'}${8 | 16 | 32}Array`
    | `Big${'Int' | 'Uint'}64Array`
    | `Float${16 | 32 | 64}Array`;
  /** The CBOR tag of little-endian elements (RFC 8746, section 2.1), if there is one. */
  readonly tag?: number;
}

/** The layouts by {@link DType}. No two entries have the same tag. */
export const layouts: Readonly<Record<DType, Layout>> = {
  float64: { bytesPerElement: 8, className: 'Float64Array', tag: 86 },
  float32: { bytesPerElement: 4, className: 'Float32Array', tag: 85 },
  float16: { bytesPerElement: 2, className: 'Float16Array', tag: 84 },
  bfloat16: { bytesPerElement: 2, className: 'Uint16Array' },
  int8: { bytesPerElement: 1, className: 'Int8Array', tag: 72 },
  int16: { bytesPerElement: 2, className: 'Int16Array', tag: 77 },
  int32: { bytesPerElement: 4, className: 'Int32Array', tag: 78 },
  int64: { bytesPerElement: 8, className: 'BigInt64Array', tag: 79 },
  uint8: { bytesPerElement: 1, className: 'Uint8Array', tag: 64 },
  uint16: { bytesPerElement: 2, className: 'Uint16Array', tag: 69 },
  uint32: { bytesPerElement: 4, className: 'Uint32Array', tag: 70 },
  uint64: { bytesPerElement: 8, className: 'BigUint64Array', tag: 71 },
  bool: { bytesPerElement: 1, className: 'Uint8Array' },
};

/** Whether an untrusted value is the name of a type. */
export function isDType(name: unknown): name is DType {
  return typeof name === 'string' && Object.hasOwn(layouts, name);
}

/** How many dimensions a tensor may have. The limit is that of NumPy before version 2. */
export const maxDimensions = 32;

/**
 * Returns how many bytes a tensor of this type and shape has.
 *
 * @throws RangeError if the shape is not valid, or the size is past 2^53.
 */
export function byteLengthOf(dtype: DType, shape: readonly number[]): number {
  if (shape.length > maxDimensions) {
    throw new RangeError(`a tensor has at most ${maxDimensions} dimensions, not ${shape.length}`);
  }
  // Zeros are multiplied last, so that [2^53, 2^53, 0] is refused like [2^53, 2^53].
  let bytes: number = layouts[dtype].bytesPerElement;
  let isEmpty = false;
  for (const length of shape) {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(`a dimension must be a whole number of at least 0, not ${length}`);
    }
    if (length === 0) isEmpty = true;
    else bytes *= length;
  }
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`the shape [${shape}] has more than 2^53 bytes`);
  return isEmpty ? 0 : bytes;
}
