import type { DType } from '../../tensor/dtypes.ts';

/** PyTorch's classes of storages, in its module `torch`. The unsigned types above 8 bits do not have a class. */
export const storageClasses: ReadonlyMap<string, DType> = new Map([
  ['DoubleStorage', 'float64'],
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['CharStorage', 'int8'],
  ['ShortStorage', 'int16'],
  ['IntStorage', 'int32'],
  ['LongStorage', 'int64'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
]);

/**
 * The types whose tensors name their type themselves, because their storages have no type. PyTorch has them since 2.3.
 */
export const typesWithoutStorage: readonly DType[] = ['uint16', 'uint32', 'uint64'];

/** The storage class of a type. `undefined` for {@link typesWithoutStorage}. */
export function storageClassOf(dtype: DType): string | undefined {
  for (const [name, type] of storageClasses) if (type === dtype) return name;
  return undefined;
}
