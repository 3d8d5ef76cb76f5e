import type { DType } from '../../tensor/dtypes.ts';

/**
 * The names of the types in safetensors and in peerloom, in the order of the package safetensors. It writes the tensors
 * of the last type first, so that all tensors are aligned.
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

/** The type with this name. `undefined` for types that peerloom does not have, such as F8_E4M3 and C64. */
export function dtypeOf(name: string): DType | undefined {
  return dtypes.get(name);
}

export function nameOf(dtype: DType): string {
  return names[rankOf(dtype)]![0];
}

/** The position of a type in the order above. */
export function rankOf(dtype: DType): number {
  return ranks.get(dtype)!;
}
