import type { Data } from '../base/data.ts';
import type { Limits } from '../base/limits.ts';
import { type Broadcast, headerOf } from '../overlay/broadcast.ts';
import type { TopicKey } from '../overlay/topic-key.ts';
import { countContainers, decodePayload, encodePayload, type Payload } from '../wire/payloads/payload.ts';

/** @throws TypeError for data that no message can hold, and for more lists and objects than a broadcast may hold. */
export function encodeBroadcast(data: Data, { maxContainers }: Limits): Payload {
  const payload = encodePayload(data);
  const containers = countContainers(payload.format, payload.body);
  if (containers <= maxContainers) return payload;
  throw new TypeError(
    `a broadcast holds ${containers} lists, objects, byte arrays and typed arrays; ${maxContainers} are allowed (limits.maxContainers)`,
  );
}

/**
 * Reads the data of a broadcast.
 *
 * @param key of the topic; undefined for a topic without one.
 * @throws PeerloomError if the broadcast was not sealed with the key, or cannot be decoded.
 */
export function decodeBroadcast(
  broadcast: Broadcast,
  key: TopicKey | undefined,
  { maxContainers }: Limits,
): Data {
  const { format, body } = key === undefined ? broadcast : key.open(headerOf(broadcast), broadcast.body);
  return decodePayload(format, Uint8Array.from(body), { maxContainers });
}
