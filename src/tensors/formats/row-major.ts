/** The places of a tensor's elements in memory, in any order. */
export interface Strided {
  readonly shape: readonly number[];
  /** For each dimension, the distance in elements from one index to the next. */
  readonly strides: readonly number[];
  /** The position of the element whose indices are all 0. */
  readonly offset: number;
}

/** The strides of contiguous elements in row-major order: the index of the last dimension changes fastest. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let at = shape.length - 2; at >= 0; at -= 1)
    strides[at] = strides[at + 1]! * Math.max(shape[at + 1]!, 1);
  return strides;
}

/** The strides of contiguous elements in Fortran order: the index of the first dimension changes fastest. */
export function fortranStrides(shape: readonly number[]): number[] {
  return rowMajorStrides(shape.toReversed()).reverse();
}

/** Whether the elements are contiguous in row-major order. Strides of dimensions shorter than 2 do not matter. */
export function isRowMajor({ shape, strides }: Strided): boolean {
  const expected = rowMajorStrides(shape);
  return shape.includes(0) || shape.every((length, at) => length === 1 || strides[at] === expected[at]);
}

/**
 * Copies the elements in row-major order. The caller must have checked that all elements are inside `bytes`.
 *
 * @param width the bytes of an element.
 */
export function inRowMajorOrder(
  bytes: Uint8Array,
  width: number,
  { shape, strides, offset }: Strided,
): Uint8Array {
  const size = shape.reduce((product, length) => product * length, 1);
  const copy = new Uint8Array(size * width);
  if (size === 0) return copy;
  const indexes = shape.map(() => 0);
  let from = offset * width;
  for (let to = 0; to < copy.length; to += width) {
    for (let byte = 0; byte < width; byte += 1) copy[to + byte] = bytes[from + byte]!;
    for (let at = shape.length - 1; at >= 0; at -= 1) {
      from += strides[at]! * width;
      indexes[at]! += 1;
      if (indexes[at]! < shape[at]!) break;
      from -= indexes[at]! * strides[at]! * width;
      indexes[at] = 0;
    }
  }
  return copy;
}
