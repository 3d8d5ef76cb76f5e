import { messageOf, shown } from '../../base/arguments.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { DType } from '../tensor/dtypes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { bytesOf } from '../tensor/typed-arrays.ts';

/** What every reader throws: one line that says what is wrong with the bytes, and what to do where there is anything. */
export function formatError(message: string, cause?: unknown): PeerloomError {
  return new PeerloomError('ERR_TENSOR_FORMAT', message, cause === undefined ? undefined : { cause });
}

/** How errors name a tensor or an entry: a name may come from anywhere and may be long. */
export function named(name: string): string {
  return shown(name);
}

/** The bytes that a reader was given. @throws TypeError for anything else. */
export function checkBytes(bytes: Uint8Array | ArrayBuffer): Uint8Array {
  const whole = ArrayBuffer.isView(bytes) ? bytesOf(bytes) : undefined;
  if (whole !== undefined) return whole;
  if (Object.prototype.toString.call(bytes) === '[object ArrayBuffer]')
    return new Uint8Array(bytes as ArrayBuffer);
  throw new TypeError(`bytes must be a Uint8Array or an ArrayBuffer, not ${shown(bytes)}`);
}

/** What a file says of one tensor. */
export interface TensorParts {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * A tensor of a file.
 *
 * @param what how the error names it.
 * @throws PeerloomError `ERR_TENSOR_FORMAT` where its shape and its bytes do not fit each other.
 */
export function tensorOfFile(what: string, { dtype, shape, data }: TensorParts): Tensor {
  return orFormatError(what, () => new Tensor(dtype, shape, data));
}

/** Turns what the checks of tensors throw at programs into what is thrown for files. */
export function orFormatError<Result>(what: string, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    throw formatError(`${what} is no tensor: ${messageOf(error)}`, error);
  }
}

/** Text of a file. @throws PeerloomError `ERR_TENSOR_FORMAT` unless it is UTF-8. */
export function textOf(what: string, bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    throw formatError(`${what} is not UTF-8 text`, error);
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
