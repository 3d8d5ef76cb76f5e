import type { Data } from '../data.ts';
import { decodePayload, encodePayload } from '../wire/payload.ts';

/** Data as the bytes that are encrypted: one byte for the format, then the body, both as in docs/protocol.md. */
export function dataToBytes(data: Data): Uint8Array {
  const { format, body } = encodePayload(data);
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = format;
  bytes.set(body, 1);
  return bytes;
}

/** @throws PeerloomError `ERR_MESSAGE_INVALID`. */
export function dataFromBytes(bytes: Uint8Array): Data {
  return decodePayload(bytes[0] ?? 0, bytes.subarray(1));
}
