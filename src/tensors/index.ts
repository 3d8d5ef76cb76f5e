export { type DType, maxDimensions } from './tensor/dtypes.ts';
export { Tensor, type TensorOptions, type TypedArrays } from './tensor/tensor.ts';
export type { LibraryTensor, NestedNumbers, TensorSource } from './tensor/tensor-parts.ts';
export type { TensorArray } from './tensor/typed-elements.ts';
