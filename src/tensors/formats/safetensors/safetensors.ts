import { checkType, checkWellFormed, shown } from '../../../base/arguments.ts';
import { checkBytes, named, tensorOfFile } from '../format-error.ts';
import { joinBytes } from '../join-bytes.ts';
import { entriesOf, type NamedTensor, type StateDict, type StateDictLike, stateOf } from '../state-dict.ts';
import { headerLengthOf, lengthBytes, maxHeaderBytes, metadataName, readHeader } from './header.ts';
import { nameOf, rankOf } from './safetensors-types.ts';

/** A safetensors file in memory. */
export interface Safetensors {
  /** The tensors by name, in the order of the header. */
  readonly state: StateDict;
  /** The metadata of the file: texts by name, such as `{ format: 'pt' }`. Empty if it has none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the tensors of a safetensors file. They use the memory of `bytes` without copying it.
 *
 * The whole header is checked first: it has at most 100 MB, each name occurs once, and the offsets leave no byte out
 * and use none twice. Types that {@link DType} does not have, such as float8, are refused.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 * @see https://github.com/huggingface/safetensors#format
 * @example
 * const state = readSafetensors(await readFile('model.safetensors'));
 * state['layer1.weight'].shape;
 */
export function readSafetensors(bytes: Uint8Array | ArrayBuffer): StateDict {
  return readSafetensorsWithMetadata(bytes).state;
}

/**
 * Like {@link readSafetensors}, with the metadata of the file.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 */
export function readSafetensorsWithMetadata(bytes: Uint8Array | ArrayBuffer): Safetensors {
  const file = checkBytes(bytes);
  const headerEnd = lengthBytes + headerLengthOf(file, file.length);
  const { tensors, metadata } = readHeader(file.subarray(lengthBytes, headerEnd), file.length);
  const entries = [...tensors].map(([name, { dtype, shape, start, byteLength }]): NamedTensor => {
    const data = file.subarray(start, start + byteLength);
    return [name, tensorOfFile(`the tensor ${named(name)}`, { dtype, shape, data })];
  });
  return { state: stateOf(entries), metadata };
}

/**
 * Writes tensors as a safetensors file, byte for byte as the Python package does.
 *
 * @param metadata texts by name that are stored with the tensors.
 * @throws TypeError if a value is not a tensor, or metadata is not text; RangeError for a header above 100 MB.
 */
export function writeSafetensors(
  state: StateDictLike,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  return joinBytes(safetensorsParts(state, metadata));
}

/** Returns the header and the elements of each tensor. */
export function safetensorsParts(
  state: StateDictLike,
  metadata: Readonly<Record<string, string>> | undefined,
): readonly Uint8Array[] {
  const entries = inFileOrder(entriesOf(state));
  const members =
    metadata === undefined ? [] : [`"${metadataName}":${JSON.stringify(checkMetadata(metadata))}`];
  let end = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    if (name === metadataName)
      throw new TypeError(`a tensor in a safetensors file cannot be named ${metadataName}`);
    const start = end;
    end += data.length;
    const info = { dtype: nameOf(dtype), shape, data_offsets: [start, end] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(json.length / lengthBytes) * lengthBytes;
  if (headerBytes > maxHeaderBytes) {
    throw new RangeError(
      `the header of a safetensors file may have ${maxHeaderBytes} bytes, not ${headerBytes}`,
    );
  }
  const header = new Uint8Array(lengthBytes + headerBytes).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, lengthBytes);
  return [header, ...entries.map(([, { data }]) => data)];
}

/** Sorts tensors by type, the largest first, so that all are aligned, and then by name. */
function inFileOrder(entries: readonly NamedTensor[]): NamedTensor[] {
  return entries.toSorted(([a, { dtype: typeOfA }], [b, { dtype: typeOfB }]) => {
    return rankOf(typeOfB) - rankOf(typeOfA) || compareAsUtf8(a, b);
  });
}

/**
 * Compares texts in the order of their UTF-8. JavaScript's order of UTF-16 units differs for characters above 0xffff.
 */
function compareAsUtf8(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let at = 0;
  while (at < most && a[at] === b[at]) at += 1;
  if (at === most) return a.length - b.length;
  // If two surrogate pairs differ only in their second halves, these have the same order as the characters.
  return a.codePointAt(at)! - b.codePointAt(at)!;
}

function checkMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(checkType('metadata', metadata, 'object'))) {
    checkWellFormed('a name in metadata', key);
    checkWellFormed('a text in metadata', checkType(`metadata[${shown(key)}]`, value, 'string'));
  }
  return metadata;
}
