import type { DType } from '../../tensor/dtypes.ts';

/**
 * The types of both sides, in the order of the package safetensors: it writes the tensors of the last type first, so
 * that all are aligned.
 */
const names: readonly (readonly [name: string, dtype: DType])[] = [
  ['BOOL', 'bool'],
  ['U8', 'uint8'],
  ['I8', 'int8'],
  ['I16', 'int16'],
  ['U16', 'uint16'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I32', 'int32'],
  ['U32', 'uint32'],
  ['F32', 'float32'],
  ['F64', 'float64'],
  ['I64', 'int64'],
  ['U64', 'uint64'],
];

const dtypes: ReadonlyMap<string, DType> = new Map(names);
const ranks: ReadonlyMap<DType, number> = new Map(names.map(([, dtype], rank) => [dtype, rank]));

/** `undefined` for the types that peerloom does not have, such as F8_E4M3 and C64. */
export function dtypeOf(name: string): DType | undefined {
  return dtypes.get(name);
}

export function nameOf(dtype: DType): string {
  return names[rankOf(dtype)]![0];
}

/** Its place in the order above. */
export function rankOf(dtype: DType): number {
  return ranks.get(dtype)!;
}
