import { messageOf, shown } from '../../../base/arguments.ts';
import { requiredBuiltin } from '../../../base/builtin.ts';
import { PeerloomError } from '../../../base/errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { formatError, named, tensorOfFile } from '../format-error.ts';
import type { StateDictLike } from '../state-dict.ts';
import {
  headerLengthOf,
  lengthBytes,
  readHeader,
  type SafetensorsHeader,
  type TensorInfo,
} from './header.ts';
import { safetensorsParts } from './safetensors.ts';

type FileHandle = import('node:fs/promises').FileHandle;

/** The most bytes that are read or written in one call. The system accepts at most 2 GiB. */
const maxCallBytes = 1024 * 1024 * 1024;

/** Numbers the unfinished files, so that each call writes to its own file. */
let savedFiles = 0;

/**
 * An open safetensors file. Its names, shapes and metadata are in memory, its elements are on the disk. Open it with
 * {@link openSafetensors}, and close it.
 */
export class SafetensorsFile {
  /** The names of the tensors, in the order of the header. */
  readonly names: readonly string[];
  /** The type, shape and place of each tensor, by its name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The metadata of the file: texts by name. Empty if it has none. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #handle: FileHandle;
  readonly #path: string;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(path: string, handle: FileHandle, { tensors, metadata }: SafetensorsHeader) {
    this.names = [...tensors.keys()];
    this.tensors = tensors;
    this.metadata = metadata;
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Reads a tensor from the disk. Several tensors may be read at the same time.
   *
   * @throws RangeError if the file has no tensor with this name. PeerloomError `ERR_TENSOR_FILE` if the file is closed
   * or cannot be read, `ERR_TENSOR_FORMAT` if it has become shorter since it was opened.
   */
  async tensor(name: string): Promise<Tensor> {
    const info = this.tensors.get(name);
    if (info === undefined) {
      throw new RangeError(`${this.#path} has no tensor ${shown(name)}: see names`);
    }
    if (this.#closing !== undefined) throw fileError(this.#path, 'it is closed');
    const data = await readAt(this.#handle, this.#path, info);
    return tensorOfFile(`the tensor ${named(name)}`, { dtype: info.dtype, shape: info.shape, data });
  }

  /** Closes the file once all tensors that are being read have been read. May be called repeatedly. */
  close(): Promise<void> {
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }

  /** Same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens a safetensors file without reading its elements, so that a model larger than memory can be read tensor by
 * tensor. Needs the file system of Node.js.
 *
 * @throws PeerloomError `ERR_TENSOR_FILE` if it cannot be read, `ERR_TENSOR_FORMAT` if it is damaged or has types that
 * {@link DType} does not have, `ERR_TRANSPORT_UNAVAILABLE` in a browser.
 * @example
 * await using file = await openSafetensors('model.safetensors');
 * for (const name of file.names) console.log(name, file.tensors.get(name)?.shape);
 * const weight = await file.tensor('layer1.weight');
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const { open } = requiredBuiltin('node:fs', 'openSafetensors').promises;
  const handle = await orFileError(path, () => open(path, 'r'));
  try {
    const { size } = await orFileError(path, () => handle.stat());
    const start = await readAt(handle, path, { start: 0, byteLength: Math.min(lengthBytes, size) });
    const byteLength = headerLengthOf(start, size);
    const header = await readAt(handle, path, { start: lengthBytes, byteLength });
    return new SafetensorsFile(path, handle, readHeader(header, size));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Writes tensors to a safetensors file. The bytes are those of {@link writeSafetensors}, but they are never in memory
 * as one piece. The file gets its name only when it is complete, and then replaces an older file. Needs the file system
 * of Node.js.
 *
 * @param metadata texts by name that are stored with the tensors.
 * @throws TypeError, RangeError like `writeSafetensors`. PeerloomError `ERR_TENSOR_FILE` if it cannot be written.
 */
export async function saveSafetensors(
  path: string,
  state: StateDictLike,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const { open, rename, rm } = requiredBuiltin('node:fs', 'saveSafetensors').promises;
  const parts = safetensorsParts(state, metadata);
  savedFiles += 1;
  const unfinished = `${path}.${process.pid}-${savedFiles}.unfinished`;
  await orFileError(path, async () => {
    const handle = await open(unfinished, 'w');
    try {
      for (const part of parts) await writeAll(handle, part);
      await handle.sync();
      await handle.close();
      await rename(unfinished, path);
    } catch (error) {
      await handle.close();
      await rm(unfinished, { force: true });
      throw error;
    }
  });
}

async function readAt(
  handle: FileHandle,
  path: string,
  { start, byteLength }: Pick<TensorInfo, 'start' | 'byteLength'>,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  while (at < byteLength) {
    const length = Math.min(byteLength - at, maxCallBytes);
    const { bytesRead } = await orFileError(path, () => handle.read(bytes, at, length, start + at));
    if (bytesRead === 0) throw formatError(`${path} has become shorter since it was opened`);
    at += bytesRead;
  }
  return bytes;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    at += (await handle.write(bytes, at, Math.min(bytes.length - at, maxCallBytes))).bytesWritten;
  }
}

async function orFileError<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw fileError(path, messageOf(error), error);
  }
}

function fileError(path: string, reason: string, cause?: unknown): PeerloomError {
  return new PeerloomError('ERR_TENSOR_FILE', `${path} cannot be used: ${reason}`, { cause });
}
