import { Inflate } from 'fflate';
import { isPeerloomError } from '../../../base/errors.ts';
import { formatError, named } from '../format-error.ts';

/**
 * How many compressed bytes are decompressed at a time. They become at most 1,032 times as long, so data that is longer
 * than it claims is noticed within 4 MiB.
 */
const pieceBytes = 4 * 1024;

/**
 * Decompresses an entry into memory of exactly the length that it claims.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT` if the data is damaged, shorter or longer.
 */
export function inflateExactly(name: string, compressed: Uint8Array, byteLength: number): Uint8Array {
  const content = new Uint8Array(byteLength);
  let filled = 0;
  let isWhole = false;
  const inflate = new Inflate((piece, isLast) => {
    if (filled + piece.length > byteLength) {
      throw formatError(`${named(name)} is longer than the ${byteLength} bytes that the archive claims`);
    }
    content.set(piece, filled);
    filled += piece.length;
    isWhole = isLast;
  });
  for (let at = 0; at < compressed.length; at += pieceBytes) {
    const end = Math.min(at + pieceBytes, compressed.length);
    push(name, () => inflate.push(compressed.subarray(at, end), end === compressed.length));
  }
  if (!isWhole || filled !== byteLength) {
    throw formatError(
      `${named(name)} has ${filled} bytes, and not the ${byteLength} that the archive claims`,
    );
  }
  return content;
}

function push(name: string, inflate: () => void): void {
  try {
    inflate();
  } catch (error) {
    if (isPeerloomError(error)) throw error;
    throw formatError(`the compressed data of ${named(name)} is damaged`, error);
  }
}
