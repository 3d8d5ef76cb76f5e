import type { NodeCallback } from '../api/events.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { Node } from '../node/node.ts';
import { Tensor } from '../tensors/tensor/tensor.ts';

/** Returns a callback for a node's options that prints each event as one line of JSON, for programs. */
export function eventJson(print: (line: string) => void): NodeCallback {
  return (event, _node, peer, data) => {
    const content = data instanceof Error ? { error: data } : { data };
    print(jsonLine({ event, peer: peer && peerDetails(peer), reason: peer?.closeReason, ...content }));
  };
}

/** The first line: the node's id and name, and the address on which it listens. */
export function listeningJson({ id, name, host, port }: Node): string {
  return jsonLine({ event: 'listening', id, name, host, port });
}

function peerDetails({ id, name, host, port, direction }: NodeConnection) {
  return { id, name, host, port, direction };
}

/** Writes JSON on one line. It escapes characters that are invisible or could move a terminal's cursor. */
function jsonLine(value: object): string {
  return JSON.stringify(value, representable).replace(/[\x7f-\x9f\u2028\u2029\p{Cf}]/gu, escaped);
}

/** Replaces values that JSON does not have: binary data, tensors, a few numbers, errors. */
function representable(_key: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    return { $binary: base64, type: (value as Uint8Array)[Symbol.toStringTag] };
  }
  if (value instanceof Tensor) {
    const { dtype, shape, data } = value;
    return {
      $tensor: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
      dtype,
      shape,
    };
  }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (value instanceof Error) return { code: (value as { code?: unknown }).code, message: value.message };
  return value;
}

function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
