import { checkOptions, checkType, shown } from '../../base/arguments.ts';
import type { Compression, Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { compress, compressionCodes } from '../../wire/compression/compression.ts';
import type { Hello } from '../../wire/frames/hello.ts';
import { countContainers, encodePayload, type Payload } from '../../wire/payloads/payload.ts';
import type { SendOptions } from '../channel.ts';
import { type OutgoingPayload, sharedFramesOf } from './cut-message.ts';

/** A message encoded for the wire. */
interface EncodedMessage {
  readonly payload: OutgoingPayload;
  /** The size before compression, to which the other side's limit applies. */
  readonly plainBytes: number;
  /** The number of lists, objects and so on. 0 if there cannot be too many. */
  readonly containers: number;
}

/** The limits of the other side. */
export interface Receiver extends Pick<Hello, 'maxMessageBytes' | 'compressions'> {
  /** The other side has not said its limit, so this side uses its own. */
  readonly maxContainers: number;
}

const sharedMessage = Symbol('a message encoded for many connections');

interface SharedOptions extends SendOptions {
  readonly [sharedMessage]?: SharedMessage;
}

/** A message for many connections. It is encoded when the first connection needs it. */
class SharedMessage {
  readonly data: Data;
  readonly #options: SendOptions;
  readonly #maxContainers: number;
  #encoded: EncodedMessage | undefined;

  constructor(data: Data, options: SendOptions, maxContainers: number) {
    this.data = data;
    this.#options = options;
    this.#maxContainers = maxContainers;
  }

  get encoded(): EncodedMessage {
    if (this.#encoded === undefined) {
      const { payload, ...rest } = encodeMessage(this.data, this.#options, this.#maxContainers);
      this.#encoded = { payload: { ...payload, shared: sharedFramesOf(payload) }, ...rest };
    }
    return this.#encoded;
  }
}

/**
 * Returns options for sending the same data to many connections, so that it is encoded and compressed once. They have
 * no effect in a connection whose overridden `send` passes on other data.
 *
 * @throws TypeError if no message can hold the data; PeerloomError `ERR_COMPRESSION_UNAVAILABLE`.
 */
export function shareEncoding(data: Data, options: SendOptions, maxContainers: number): SendOptions {
  checkSendOptions(options);
  const { compression, verbatim } = options;
  const shared = new SharedMessage(data, options, maxContainers);
  // Plain text can always be encoded. A simulation may not need the encoding at all.
  if (compression !== undefined || typeof data !== 'string' || !data.isWellFormed()) void shared.encoded;
  return { compression, verbatim, [sharedMessage]: shared } as SharedOptions;
}

/**
 * Encodes and compresses data for one receiver, unless {@link shareEncoding} has done so already.
 *
 * @throws TypeError if no message can hold the data; PeerloomError `ERR_MESSAGE_TOO_LARGE`,
 * `ERR_COMPRESSION_UNAVAILABLE`.
 */
export function encodeFor(
  { maxMessageBytes, compressions, maxContainers }: Receiver,
  data: Data,
  options: SendOptions | undefined,
): OutgoingPayload {
  if (options === undefined) {
    const payload = encodePayload(data);
    if (payload.body.length > maxMessageBytes) throw tooLarge(payload.body.length, maxMessageBytes);
    if (containersIn(payload, maxContainers) > maxContainers) throw tooMany(maxContainers);
    return payload;
  }
  const { payload, plainBytes, containers } = encodeMessage(data, options, maxContainers);
  if (plainBytes > maxMessageBytes) throw tooLarge(plainBytes, maxMessageBytes);
  if (containers > maxContainers) throw tooMany(maxContainers);
  const compression = options.compression ?? 'none';
  if (compression !== 'none' && !compressions.includes(compression)) {
    throw new PeerloomError(
      'ERR_COMPRESSION_UNAVAILABLE',
      `the other side does not know the compression ${compression}: use another one`,
    );
  }
  return payload;
}

/** Whether the options ask for nothing special. @throws TypeError for an unknown option. */
export function isPlainSend(options: SendOptions): boolean {
  checkSendOptions(options);
  return (options.compression ?? 'none') === 'none';
}

function encodeMessage(data: Data, options: SendOptions, maxContainers: number): EncodedMessage {
  const shared = (options as SharedOptions | null)?.[sharedMessage];
  if (shared !== undefined && Object.is(shared.data, data)) return shared.encoded;
  checkSendOptions(options);
  const payload = encodePayload(data);
  const compression = options.compression ?? 'none';
  checkCompression(compression);
  const plainBytes = payload.body.length;
  const containers = containersIn(payload, maxContainers);
  if (compression === 'none') return { payload, plainBytes, containers };
  const body = compress(payload.body, compression);
  // Data that does not shrink is sent uncompressed. Compressed, it could exceed a limit that the plain form keeps.
  if (body.length >= plainBytes) return { payload, plainBytes, containers };
  return {
    payload: { format: payload.format, compression: compressionCodes[compression], body },
    plainBytes,
    containers,
  };
}

/** Each container takes at least one byte, so small messages need not be counted. */
function containersIn({ format, body }: Payload, maxContainers: number): number {
  return body.length > maxContainers ? countContainers(format, body) : 0;
}

const sendNames = ['compression', 'verbatim'] as const satisfies readonly (keyof SendOptions)[];

/**
 * Checks the options, unless {@link shareEncoding} made them and has checked them once for all connections.
 *
 * @throws TypeError that names the unknown option, or the value given in place of options.
 */
export function checkSendOptions(options: SendOptions): void {
  if ((options as SharedOptions | null)?.[sharedMessage] !== undefined) return;
  checkOptions(options, sendNames);
  if (options.verbatim !== undefined) checkType('verbatim', options.verbatim, 'boolean');
}

function checkCompression(compression: Compression): void {
  if (Object.hasOwn(compressionCodes, compression)) return;
  const known = Object.keys(compressionCodes).join(', ');
  throw new TypeError(`compression must be one of ${known}, not ${shown(compression)}`);
}

function tooLarge(length: number, maxBytes: number): PeerloomError {
  return new PeerloomError(
    'ERR_MESSAGE_TOO_LARGE',
    `the message has ${length} bytes, but the other side allows at most ${maxBytes} (its limits.maxMessageBytes)`,
  );
}

function tooMany(maxContainers: number): PeerloomError {
  return new PeerloomError(
    'ERR_MESSAGE_TOO_LARGE',
    `the message holds more than ${maxContainers} lists, objects, byte arrays and typed arrays: use typed arrays for numbers, send several messages, or raise limits.maxContainers on both sides`,
  );
}
