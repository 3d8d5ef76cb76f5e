import { checkOptions, checkType } from '../../../base/arguments.ts';
import { checkBytes, formatError, named } from '../format-error.ts';
import { joinBytes } from '../join-bytes.ts';
import { checkReadOptions, type ReadZipOptions } from '../read-zip-options.ts';
import { entriesOf, type NamedTensor, type StateDict, type StateDictLike, stateOf } from '../state-dict.ts';
import { zipAsPythonDoes } from '../zip/python-zip.ts';
import { contentOf, readZip } from '../zip/read-zip.ts';
import type { ZipFile } from '../zip/write-zip.ts';
import { npyParts, readNpy } from './npy.ts';

/** The options of {@link writeNpz}. */
export interface WriteNpzOptions {
  /** Whether to compress the arrays, like `np.savez_compressed`. Default: `false`, like `np.savez`. */
  readonly compress?: boolean;
}

const suffix = '.npy';

/**
 * Reads the arrays that `np.savez` or `np.savez_compressed` wrote, by their names. Uncompressed arrays use the memory
 * of `bytes`.
 *
 * Lengths are checked before anything is decompressed, so an archive cannot take more memory than `maxInflatedBytes`.
 * See {@link readNpy} for the arrays that are read.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 */
export function readNpz(bytes: Uint8Array | ArrayBuffer, options: ReadZipOptions = {}): StateDict {
  const { maxInflatedBytes } = checkReadOptions(options);
  const entries = readZip(checkBytes(bytes), maxInflatedBytes);
  return stateOf(
    entries.map((entry): NamedTensor => {
      const { name } = entry;
      if (!name.endsWith(suffix))
        throw formatError(`the .npz file holds ${named(name)}, which is no .npy file`);
      return [name.slice(0, -suffix.length), within(name, () => readNpy(contentOf(entry)))];
    }),
  );
}

/**
 * Writes named arrays byte for byte as `np.savez` does. With `compress`, it writes them like `np.savez_compressed`,
 * whose bytes depend on the version of its zlib.
 *
 * @throws TypeError if a value is not a tensor. RangeError above 4 GiB; safetensors can hold more.
 */
export function writeNpz(state: StateDictLike, options: WriteNpzOptions = {}): Uint8Array {
  checkOptions(options, ['compress']);
  const { compress = false } = options;
  checkType('compress', compress, 'boolean');
  const files = entriesOf(state).map(
    ([name, tensor]): ZipFile => ({ name: `${name}${suffix}`, content: joinBytes(npyParts(tensor)) }),
  );
  return zipAsPythonDoes(files, compress);
}

/** Reads an array. If that fails, the error names the array. */
function within<Result>(name: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw formatError(`${named(name)}: ${(error as Error).message}`, error);
  }
}
