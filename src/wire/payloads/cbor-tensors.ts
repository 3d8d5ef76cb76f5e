import { byteLengthOf, type DType, isDType, layouts, maxDimensions } from '../../tensors/tensor/dtypes.ts';
import { Tensor } from '../../tensors/tensor/tensor.ts';
import { MajorType } from './cbor-heads.ts';

/**
 * RFC 8746 section 3.1.1: a list of the dimensions, none of them 0, and a typed array of the elements in row-major
 * order.
 */
export const arrayTag = 40;

/** For tensors that RFC 8746 lacks: a list of the dimensions, the name of the type, and the bytes of the elements. */
export const tensorTag = 28_780;

const dtypesByTag = new Map(Object.entries(layouts).map(([dtype, { tag }]) => [tag, dtype as DType]));

/** Reads the items of CBOR one after another. */
export interface CborItems {
  /** Reads the argument of the next head. @throws Error if the head has another major type. */
  expect(type: number): number;
  /** Returns a view of the next `length` bytes. @throws Error if there are too few. */
  view(length: number): Uint8Array;
}

/** Writes the items of CBOR. */
export interface CborOutput {
  head(type: number, argument: number): void;
  bytes(type: number, bytes: Uint8Array): void;
}

/** Writes a tensor with its tag. */
export function writeTensor({ dtype, shape, data }: Tensor, output: CborOutput): void {
  const { tag } = layouts[dtype];
  const isTyped = tag !== undefined && !shape.includes(0);
  output.head(MajorType.tag, isTyped ? arrayTag : tensorTag);
  output.head(MajorType.array, isTyped ? 2 : 3);
  output.head(MajorType.array, shape.length);
  for (const length of shape) output.head(MajorType.unsigned, length);
  if (isTyped) output.head(MajorType.tag, tag);
  else output.bytes(MajorType.text, asciiOf(dtype));
  output.bytes(MajorType.bytes, data);
}

/**
 * Reads the tensor that follows its tag. Its size is checked before its bytes are copied.
 *
 * @throws Error if the shape, type or size is not valid for a tensor.
 */
export function readTensor(tag: number, items: CborItems): Tensor {
  const isTyped = tag === arrayTag;
  if (items.expect(MajorType.array) !== (isTyped ? 2 : 3))
    throw new Error('a tensor with too few or too many parts');
  const dimensions = items.expect(MajorType.array);
  if (dimensions > maxDimensions) throw new Error(`a tensor of more than ${maxDimensions} dimensions`);
  const shape = Array.from({ length: dimensions }, () => items.expect(MajorType.unsigned));
  if (isTyped && shape.includes(0)) throw new Error(`a dimension of 0 behind the tag ${arrayTag}`);
  const dtype = isTyped
    ? dtypesByTag.get(items.expect(MajorType.tag))
    : String.fromCharCode(...items.view(Math.min(items.expect(MajorType.text), maxNameBytes)));
  if (!isDType(dtype)) throw new Error('a tensor of an unknown type');
  const length = items.expect(MajorType.bytes);
  if (length !== byteLengthOf(dtype, shape)) {
    throw new Error(`a tensor of ${dtype} [${shape}] with ${length} bytes`);
  }
  return new Tensor(dtype, shape, new Uint8Array(items.view(length)));
}

/** No type has a longer name. */
const maxNameBytes = 16;

function asciiOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
