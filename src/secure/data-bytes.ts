import type { Data } from '../base/data.ts';
import { defaultLimits } from '../base/limits.ts';
import type { Steps } from '../base/steps.ts';
import { encodeFor } from '../channel/send/shared-encoding.ts';
import { copyOf } from '../wire/frames/own-memory.ts';
import { decodeInSteps, decodePayload } from '../wire/payloads/payload.ts';

/** It is not known who will read the data, so the default limits apply. */
const anybody = {
  maxMessageBytes: Number.POSITIVE_INFINITY,
  maxContainers: defaultLimits.maxContainers,
  compressions: [],
};

/**
 * Encodes data as the bytes that are encrypted: one byte for the format, then the body, both as in docs/protocol.md.
 *
 * @throws TypeError if a message cannot hold the data; PeerloomError `ERR_MESSAGE_TOO_LARGE` if the data holds more
 * containers than the default `maxContainers`.
 */
export function dataToBytes(data: Data): Uint8Array {
  const { format, body } = encodeFor(anybody, data, undefined);
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = format;
  bytes.set(body, 1);
  return bytes;
}

/** @throws PeerloomError `ERR_MESSAGE_INVALID`. */
export function dataFromBytes(bytes: Uint8Array): Data {
  return decodePayload(bytes[0] ?? 0, copyOf(bytes, 1));
}

/** {@link dataFromBytes} in steps, for bytes that another node wrote. */
export function dataFromBytesSteps(
  bytes: Uint8Array,
  maxContainers: number = defaultLimits.maxContainers,
): Steps<Data> {
  return decodeInSteps(bytes[0] ?? 0, copyOf(bytes, 1), { maxContainers });
}
