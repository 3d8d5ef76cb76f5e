/** Where the elements of a tensor lie in memory that is not in row-major order. */
export interface Strided {
  readonly shape: readonly number[];
  /** Elements from one index of a dimension to the next. */
  readonly strides: readonly number[];
  /** The element that all indexes 0 lead to. */
  readonly offset: number;
}

/** The strides of elements one after the other, the last dimension first. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let at = shape.length - 2; at >= 0; at -= 1)
    strides[at] = strides[at + 1]! * Math.max(shape[at + 1]!, 1);
  return strides;
}

/** The strides of Fortran's order: elements one after the other, the first dimension first. */
export function fortranStrides(shape: readonly number[]): number[] {
  return rowMajorStrides(shape.toReversed()).reverse();
}

/** Whether the elements lie one after the other in row-major order; the strides of lengths below 2 say nothing. */
export function isRowMajor({ shape, strides }: Strided): boolean {
  const expected = rowMajorStrides(shape);
  return shape.includes(0) || shape.every((length, at) => length === 1 || strides[at] === expected[at]);
}

/**
 * A copy of the elements in row-major order. The caller has checked that every index leads into `bytes`.
 *
 * @param width bytes of an element.
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
