export {
  add,
  cast,
  clipByNorm,
  clipByValue,
  difference,
  mean,
  norm,
  scale,
  weightedMean,
} from './arithmetic.ts';
export { checksum } from './checksum.ts';
export {
  type CompressedDelta,
  type CompressedTensor,
  DeltaCompressor,
  type DeltaMethod,
  expandDelta,
  type Int8Method,
  type Int8Tensor,
  type TopKMethod,
  type TopKTensor,
} from './deltas.ts';
export { readNpy, writeNpy } from './formats/numpy/npy.ts';
export { readNpz, type WriteNpzOptions, writeNpz } from './formats/numpy/npz.ts';
export type { ReadZipOptions } from './formats/read-zip-options.ts';
export type { TensorInfo } from './formats/safetensors/header.ts';
export {
  readSafetensors,
  readSafetensorsWithMetadata,
  type Safetensors,
  writeSafetensors,
} from './formats/safetensors/safetensors.ts';
export {
  openSafetensors,
  type SafetensorsFile,
  saveSafetensors,
} from './formats/safetensors/safetensors-file.ts';
export type { StateDict, StateDictLike, TensorLike } from './formats/state-dict.ts';
export { readTorch } from './formats/torch/read-torch.ts';
export { writeTorch } from './formats/torch/write-torch.ts';
export { type DType, maxDimensions } from './tensor/dtypes.ts';
export { Tensor, type TensorOptions, type TypedArrays } from './tensor/tensor.ts';
export type {
  ArrayWithShape,
  LibraryTensor,
  NestedNumbers,
  OnnxTensor,
  TensorFlowTensor,
  TensorSource,
} from './tensor/tensor-parts.ts';
export type { TensorArray } from './tensor/typed-elements.ts';
export type { InFormOf, TensorOrState } from './tensor-or-state.ts';
