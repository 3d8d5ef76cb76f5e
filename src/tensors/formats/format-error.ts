import { messageOf, shown } from '../../base/arguments.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { DType } from '../tensor/dtypes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { bytesOf } from '../tensor/typed-arrays.ts';

/** The error of all readers. Its message is one line: what is wrong with the bytes, and advice if there is any. */
export function formatError(message: string, cause?: unknown): PeerloomError {
  return new PeerloomError('ERR_TENSOR_FORMAT', message, cause === undefined ? undefined : { cause });
}

/** The form of a tensor's or entry's name in errors. Names are untrusted and may be long. */
export function named(name: string): string {
  return shown(name);
}

/** Returns the argument of a reader as bytes. @throws TypeError if it is not bytes. */
export function checkBytes(bytes: Uint8Array | ArrayBuffer): Uint8Array {
  const whole = ArrayBuffer.isView(bytes) ? bytesOf(bytes) : undefined;
  if (whole !== undefined) return whole;
  if (Object.prototype.toString.call(bytes) === '[object ArrayBuffer]')
    return new Uint8Array(bytes as ArrayBuffer);
  throw new TypeError(`bytes must be a Uint8Array or an ArrayBuffer, not ${shown(bytes)}`);
}

/** The parts of a tensor, as a file contains them. */
export interface TensorParts {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Creates a tensor from its parts in a file.
 *
 * @param what how the error names the tensor.
 * @throws PeerloomError `ERR_TENSOR_FORMAT` if the shape and the bytes do not fit each other.
 */
export function tensorOfFile(what: string, { dtype, shape, data }: TensorParts): Tensor {
  return orFormatError(what, () => new Tensor(dtype, shape, data));
}

/** Runs a check of tensors, and turns its error for programs into an error for files. */
export function orFormatError<Result>(what: string, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    throw formatError(`${what} is no tensor: ${messageOf(error)}`, error);
  }
}

/** Decodes text of a file. @throws PeerloomError `ERR_TENSOR_FORMAT` if it is not UTF-8. */
export function textOf(what: string, bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    throw formatError(`${what} is not UTF-8 text`, error);
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
