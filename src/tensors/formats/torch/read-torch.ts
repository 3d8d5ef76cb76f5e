import { byteLengthOf, layouts } from '../../tensor/dtypes.ts';
import { swappedBytes } from '../byte-order.ts';
import { checkBytes, formatError, named, orFormatError, tensorOfFile, textOf } from '../format-error.ts';
import { checkReadOptions, type ReadZipOptions } from '../read-zip-options.ts';
import { inRowMajorOrder, isRowMajor } from '../row-major.ts';
import { type NamedTensor, type StateDict, stateOf } from '../state-dict.ts';
import { contentOf, readZip, type ZipEntry } from '../zip/read-zip.ts';
import { namedTensors } from './named-tensors.ts';
import { readPickle } from './pickle-reader.ts';
import type { Storage, StoredTensor } from './pickle-values.ts';

/**
 * The most bytes for copies of tensors that are not in row-major order. The limit is the file's length if that is more.
 */
const maxCopiedBytes = 16 * 1024 * 1024;

/** The longest pickle. It contains only names and shapes: the pickle of 100,000 tensors has about 12 MiB. */
const maxPickleBytes = 64 * 1024 * 1024;

/**
 * Reads the tensors that `torch.save` wrote: a state dict, a tensor, or nested dicts and lists of them, whose names are
 * joined with dots (`'model.layer1.weight'`). Numbers and texts in the file are left out. Tensors use the memory of
 * `bytes` without copying it. Only compressed or big-endian elements are converted, and transposed or strided views are
 * copied into row-major order.
 *
 * Pickles are never executed. The reader knows the few opcodes and names that a state dict needs. It refuses files with
 * others, such as whole models, and files from before PyTorch 1.6.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 * @example
 * const state = readTorch(await readFile('model.pt'));
 * state['layer1.weight'].toTyped('float32');
 */
export function readTorch(bytes: Uint8Array | ArrayBuffer, options: ReadZipOptions = {}): StateDict {
  const { maxInflatedBytes } = checkReadOptions(options);
  const file = checkBytes(bytes);
  if (file[0] === 0x80) {
    throw formatError(
      'this file is a bare pickle, as torch.save wrote before PyTorch 1.6: save it again with a newer one',
    );
  }
  const archive = new TorchArchive(readZip(file, maxInflatedBytes), file.length);
  const pickle = archive.pickle();
  const tensors = namedTensors(readPickle(pickle), pickle.length);
  return stateOf([...tensors].map(([name, tensor]): NamedTensor => [name, archive.tensor(name, tensor)]));
}

class TorchArchive {
  readonly #entries: ReadonlyMap<string, ZipEntry>;
  /** The folder of all entries, with a slash at its end. */
  readonly #folder: string;
  readonly #isBigEndian: boolean;
  readonly #contents = new Map<string, Uint8Array>();
  /** How many bytes may still be copied. */
  #room: number;

  constructor(entries: readonly ZipEntry[], fileBytes: number) {
    const pickles = entries.filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
    if (pickles.length !== 1)
      throw formatError('this archive is not one of torch.save: it has no data.pkl in a folder');
    this.#folder = pickles[0]!.name.slice(0, -'data.pkl'.length);
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.#room = Math.max(maxCopiedBytes, fileBytes);
    if (this.#find('constants.pkl') !== undefined) {
      throw formatError('this file is a TorchScript model: save model.state_dict() with torch.save()');
    }
    const order = this.#find('byteorder');
    const name = order === undefined ? 'little' : textOf('byteorder', contentOf(order));
    if (name !== 'little' && name !== 'big') throw formatError(`the file has the byte order ${named(name)}`);
    this.#isBigEndian = name === 'big';
  }

  pickle(): Uint8Array {
    const entry = this.#find('data.pkl')!;
    if (entry.byteLength > maxPickleBytes) {
      throw formatError(`data.pkl has ${entry.byteLength} bytes, and ${maxPickleBytes} are allowed`);
    }
    return contentOf(entry);
  }

  /** Reads a tensor. @throws PeerloomError `ERR_TENSOR_FORMAT` if an element is outside the tensor's storage. */
  tensor(
    name: string,
    { storage, dtype, offset, shape, strides }: StoredTensor,
  ): ReturnType<typeof tensorOfFile> {
    const what = `the tensor ${named(name)}`;
    const { bytesPerElement: width } = layouts[dtype];
    const content = this.#contentOf(what, storage, width);
    const byteLength = orFormatError(what, () => byteLengthOf(dtype, shape));
    const isEmpty = byteLength === 0;
    const last = shape.reduce((sum, length, at) => sum + (length - 1) * strides[at]!, offset);
    if (!isEmpty && !(last < content.length / width)) {
      throw formatError(`${what} reaches beyond its storage of ${content.length} bytes`);
    }
    if (isEmpty || isRowMajor({ shape, strides, offset })) {
      const start = isEmpty ? 0 : offset * width;
      return tensorOfFile(what, { dtype, shape, data: content.subarray(start, start + byteLength) });
    }
    this.#room -= byteLength;
    if (this.#room < 0) throw formatError('the file has more views of the same elements than can be copied');
    return tensorOfFile(what, {
      dtype,
      shape,
      data: inRowMajorOrder(content, width, { shape, strides, offset }),
    });
  }

  #contentOf(what: string, { key, size, dtype }: Storage, width: number): Uint8Array {
    const entry = this.#find(`data/${key}`);
    if (entry === undefined)
      throw formatError(`${what} has no elements: data/${printableKey(key)} is missing`);
    const bytes = size * (dtype === undefined ? 1 : width);
    if (entry.byteLength !== bytes || bytes % width !== 0) {
      throw formatError(`${what} has a storage of ${bytes} bytes, but ${entry.byteLength} are in the file`);
    }
    const known = this.#contents.get(key);
    if (known !== undefined) return known;
    const content = contentOf(entry);
    const ordered = this.#isBigEndian ? swappedBytes(content, width) : content;
    this.#contents.set(key, ordered);
    return ordered;
  }

  #find(path: string): ZipEntry | undefined {
    return this.#entries.get(this.#folder + path);
  }
}

function printableKey(key: string): string {
  return named(key).slice(1, -1);
}
