import type { Compression, Data } from '../data.ts';
import { compress, compressionCodes } from '../wire/compression.ts';
import { encodePayload, type Payload } from '../wire/payload.ts';
import type { SendOptions } from './channel.ts';

/** A message encoded for the wire. */
export interface EncodedMessage {
  readonly payload: Payload;
  /** Before compression: what the other side's limit is held against. */
  readonly plainBytes: number;
}

const sharedMessage = Symbol('a message encoded for many connections');

interface SharedOptions extends SendOptions {
  readonly [sharedMessage]?: EncodedMessage & { readonly data: Data };
}

/**
 * Options for sending the same data to many connections: it is encoded and compressed here, once. A
 * connection that overrides `send` and passes other data on is not affected.
 *
 * @throws TypeError when no message can hold the data; PeerloomError `ERR_COMPRESSION_UNAVAILABLE`.
 */
export function shareEncoding(data: Data, options: SendOptions = {}): SendOptions {
  return { ...options, [sharedMessage]: { data, ...encodeMessage(data, options) } } as SharedOptions;
}

/** Encodes and compresses, unless {@link shareEncoding} has done so already. */
export function encodeMessage(data: Data, options: SendOptions | undefined): EncodedMessage {
  const shared = (options as SharedOptions | undefined)?.[sharedMessage];
  if (shared !== undefined && Object.is(shared.data, data)) return shared;
  const payload = encodePayload(data);
  const compression = options?.compression ?? 'none';
  checkCompression(compression);
  if (compression === 'none') return { payload, plainBytes: payload.body.length };
  const plainBytes = payload.body.length;
  const body = compress(payload.body, compression);
  // What does not shrink goes as it is: grown, it could pass the limit that its plain form keeps.
  if (body.length >= plainBytes) return { payload, plainBytes };
  return {
    payload: { format: payload.format, compression: compressionCodes[compression], body },
    plainBytes,
  };
}

function checkCompression(compression: Compression): void {
  if (Object.hasOwn(compressionCodes, compression)) return;
  const known = Object.keys(compressionCodes).join(', ');
  throw new TypeError(`compression must be one of ${known}, not '${compression}'`);
}
