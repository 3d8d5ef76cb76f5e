import { byteLengthOf, type DType, maxDimensions } from '../../tensor/dtypes.ts';
import { formatError, named, orFormatError, textOf } from '../format-error.ts';
import { HeaderJson } from './header-json.ts';
import { dtypeOf } from './safetensors-types.ts';

/** The bytes of the number before the header. This number is the length of the header. */
export const lengthBytes = 8;

/** The name of the member that contains the metadata and is not a tensor. */
export const metadataName = '__metadata__';

/** The longest header, as in the package safetensors. */
export const maxHeaderBytes = 100_000_000;

/** The description of a tensor in a safetensors file. */
export interface TensorInfo {
  /** The type of the elements. */
  readonly dtype: DType;
  /** The length of each dimension. */
  readonly shape: readonly number[];
  /** The offset of the elements, in bytes from the start of the file. */
  readonly start: number;
  /** How many bytes the elements have. */
  readonly byteLength: number;
}

/** The content of a safetensors file, without the elements. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Returns the length of the header, in bytes.
 *
 * @param start the first 8 bytes.
 * @param fileBytes the length of the whole file.
 */
export function headerLengthOf(start: Uint8Array, fileBytes: number): number {
  if (fileBytes < lengthBytes) {
    throw formatError(`a safetensors file has at least ${lengthBytes} bytes, not ${fileBytes}`);
  }
  const length = new DataView(start.buffer, start.byteOffset, lengthBytes).getBigUint64(0, true);
  if (length > maxHeaderBytes) {
    throw formatError(
      `this is no safetensors file, or its header is too long: it would have ${length} bytes, and ${maxHeaderBytes} are allowed`,
    );
  }
  if (lengthBytes + Number(length) > fileBytes) {
    throw formatError(
      `the safetensors header would have ${length} bytes, but the file has only ${fileBytes}: it was cut short`,
    );
  }
  return Number(length);
}

/**
 * Reads a header and checks all its offsets: the elements of the tensors must fill the rest of the file, without gaps
 * and without overlaps.
 *
 * @param fileBytes the length of the whole file.
 */
export function readHeader(bytes: Uint8Array, fileBytes: number): SafetensorsHeader {
  if (bytes[0] !== 0x7b) throw formatError('this is no safetensors file: its header does not begin with {');
  const json = new HeaderJson(textOf('the safetensors header', bytes));
  const tensors = new Map<string, TensorInfo>();
  const metadata: [string, string][] = [];
  const dataStart = lengthBytes + bytes.length;
  json.members((name) => {
    if (name === metadataName) json.members((key) => metadata.push([key, json.string()]));
    else tensors.set(name, readInfo(json, name, dataStart));
  });
  json.end();
  checkPlaces(tensors, dataStart, fileBytes);
  return { tensors, metadata: Object.freeze(Object.fromEntries(metadata)) };
}

function readInfo(json: HeaderJson, name: string, dataStart: number): TensorInfo {
  let type: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  json.members((member) => {
    if (member === 'dtype') type = json.string();
    else if (member === 'shape') shape = json.numbers(maxDimensions);
    else if (member === 'data_offsets') offsets = json.numbers(2);
    else
      throw formatError(`the tensor ${named(name)} of the safetensors file has an unknown ${named(member)}`);
  });
  const [from, to] = offsets ?? [];
  if (type === undefined || shape === undefined || from === undefined || to === undefined) {
    throw formatError(`the tensor ${named(name)} of the safetensors file lacks dtype, shape or data_offsets`);
  }
  const dtype = dtypeOf(type);
  if (dtype === undefined) {
    throw formatError(
      `the tensor ${named(name)} has the type ${named(type)}, which peerloom does not read: convert it first, ` +
        'for example to bfloat16',
    );
  }
  const byteLength = orFormatError(`the tensor ${named(name)} of the safetensors file`, () =>
    byteLengthOf(dtype, shape!),
  );
  if (to - from !== byteLength) {
    throw formatError(
      `the tensor ${named(name)} needs ${byteLength} bytes, but its data_offsets ${from} and ${to} hold ${to - from}`,
    );
  }
  return { dtype, shape: Object.freeze(shape), start: dataStart + from, byteLength };
}

function checkPlaces(tensors: ReadonlyMap<string, TensorInfo>, dataStart: number, fileBytes: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const [name, { start, byteLength }] of inOrder) {
    if (start < end) throw formatError(`the tensor ${named(name)} shares bytes with another one`);
    if (start > end)
      throw formatError(`${start - end} bytes before the tensor ${named(name)} belong to no tensor`);
    end += byteLength;
  }
  if (end > fileBytes) {
    throw formatError(
      `the safetensors file was cut short: it has ${fileBytes} bytes, and its tensors need ${end}`,
    );
  }
  if (end < fileBytes) throw formatError(`${fileBytes - end} bytes at the end belong to no tensor`);
}
