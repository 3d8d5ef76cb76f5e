import { runningSha256 } from '../base/running-sha256.ts';
import { type TensorOrState, tensorsOf } from './tensor-or-state.ts';

/**
 * Returns the SHA-256 of tensors with their names, types and shapes, as 64 hexadecimal digits. It is equal on two nodes
 * if and only if they have the same tensors. The order of the names does not matter: tensors are hashed in the order of
 * their names in UTF-8. For each tensor, it hashes the JSON text `[name,dtype,[dimensions]]` without spaces, a line
 * feed, and the bytes of the elements. The name of a lone tensor is empty.
 */
export function checksum(state: TensorOrState): string {
  const hash = runningSha256();
  const encoder = new TextEncoder();
  const entries = [...tensorsOf(state)].map(([name, tensor]) => ({
    name,
    tensor,
    bytes: encoder.encode(name),
  }));
  entries.sort((one, other) => compareBytes(one.bytes, other.bytes));
  for (const { name, tensor } of entries) {
    hash.update(encoder.encode(`${JSON.stringify([name, tensor.dtype, tensor.shape])}\n`));
    hash.update(tensor.data);
  }
  return hash.hex();
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    if (one[index] !== other[index]) return one[index]! - other[index]!;
  }
  return one.length - other.length;
}
