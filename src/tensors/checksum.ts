import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { optionalBuiltin } from '../base/builtin.ts';
import { type TensorOrState, tensorsOf } from './tensor-or-state.ts';

/**
 * The SHA-256 of tensors with their names, types and shapes, 64 hexadecimal digits: equal on two nodes if, and only if,
 * they hold the same. The order of the names does not matter. It hashes, for each tensor in the order of the UTF-8 of
 * the names, the JSON text `[name,dtype,[dimensions]]` without spaces, a line feed, and the bytes of the elements. The
 * name of a lone tensor is empty.
 */
export function checksum(state: TensorOrState): string {
  const nodeHash = optionalBuiltin('node:crypto')?.createHash('sha256');
  const hash = nodeHash ?? sha256.create();
  const encoder = new TextEncoder();
  const entries = [...tensorsOf(state)].map(([name, tensor]) => ({
    name: encoder.encode(name),
    key: name,
    tensor,
  }));
  entries.sort((one, other) => compareBytes(one.name, other.name));
  for (const { key, tensor } of entries) {
    hash.update(encoder.encode(`${JSON.stringify([key, tensor.dtype, tensor.shape])}\n`));
    hash.update(tensor.data);
  }
  return nodeHash === undefined
    ? bytesToHex((hash as ReturnType<typeof sha256.create>).digest())
    : nodeHash.digest('hex');
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    if (one[index] !== other[index]) return one[index]! - other[index]!;
  }
  return one.length - other.length;
}
