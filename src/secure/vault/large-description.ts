import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { dataFromBytes, dataToBytes } from '../data-bytes.ts';
import { isHash } from '../digest.ts';
import { fieldsOf } from '../fields.ts';
import { maxChunks } from './vault-limits.ts';

/**
 * The text of a large item: the key of its chunks, and the hashes of the chunks in their order. The item is signed, so
 * the hashes are too. They also prove the order and the end of the content.
 */
export interface Description {
  /** The size of the content in bytes. */
  readonly size: number;
  /** The AES-256 key, which is used only for these chunks. The nonce is the chunk's number. */
  readonly key: Uint8Array;
  /** The SHA-256 of each encrypted chunk, 64 hexadecimal digits. */
  readonly hashes: readonly string[];
}

const keyBytes = 32;

export function describe({ size, key, hashes }: Description): Uint8Array {
  return dataToBytes({ size, key, hashes });
}

/** @throws PeerloomError `ERR_VAULT_INVALID` if its owner put something else into the item. */
export function descriptionOf(text: Uint8Array): Description {
  const description = fieldsOf(decoded(text));
  const { size, key, hashes } = description;
  const isForm =
    Number.isSafeInteger(size) &&
    key instanceof Uint8Array &&
    key.length === keyBytes &&
    Array.isArray(hashes) &&
    hashes.length <= maxChunks &&
    hashes.every(isHash);
  if (isForm) return description as unknown as Description;
  throw new PeerloomError('ERR_VAULT_INVALID', 'a large item does not describe its chunks');
}

function decoded(text: Uint8Array): Data {
  try {
    return dataFromBytes(text);
  } catch (cause) {
    throw new PeerloomError('ERR_VAULT_INVALID', 'a large item cannot be decoded', { cause });
  }
}
