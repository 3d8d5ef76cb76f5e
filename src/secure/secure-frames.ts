import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import { countContainers, decodeInSteps, encodePayload, unfoldedBytes } from '../wire/payloads/payload.ts';
import { isHash } from './digest.ts';
import { fieldsOf } from './fields.ts';

/** The protocol that SecureNodes speak beside messages. */
export const secureProtocol = 'secure/1';

/** The kinds of frames: the first byte. */
export const SecureFrameKind = {
  /**
   * An envelope to pass on. The frame's number is the time in milliseconds to wait for answers. The receiver responds
   * with `taken` or `relayed`.
   */
  relay: 1,
  /** The hash of a letter that the sender of this frame passes on. `relayed` may follow. */
  taken: 2,
  /** `{ hash, answer }`: the answer to a letter. The answer is `null` if no path leads from here to the addressee. */
  relayed: 3,
  /** An envelope of the kind `ask`. The receiver responds with `response` or `failure`, with the same number. */
  request: 4,
  /** An envelope of the kind `response`. */
  response: 5,
  /** There is no response. */
  failure: 6,
} as const;
export type SecureFrameKind = (typeof SecureFrameKind)[keyof typeof SecureFrameKind];

/**
 * The kind, the format of the payload, and a number. The number pairs request and response, or is the time for a
 * letter.
 */
const headerBytes = 6;
const numberOffset = 2;

/** Longer frames are decoded in turns with other neighbours, and are sent only when there is room for large frames. */
export const largeBytes = 64 * 1024;

/**
 * The most lists, objects, byte strings and typed arrays in a letter or request. A neighbour may send several of them
 * at the same time, and each container takes some 500 bytes while they are proven.
 */
export const maxLetterContainers = 100_000;

/** The part of its own time that each hop gives to the next one. */
const budgetShare = 0.9;
const maxBudgetMs = 60_000;

/** A frame whose payload is not decoded yet. */
export interface SecureFrame {
  /** The whole frame. */
  readonly bytes: Uint8Array;
  readonly kind: number;
  readonly format: number;
  readonly number: number;
  readonly body: Uint8Array;
}

/** A neighbour's request to pass on a letter. The request is not signed, because the letter proves itself. */
export interface RelayRequest {
  /** The frame as it arrived. This node owns its memory, and passes it on to others. */
  readonly frame: Uint8Array;
  /** Reads the envelope. Nothing in it is proven yet. Throws as {@link dataSteps} does. */
  readonly read: () => Steps<Data>;
  /** Milliseconds that this node may wait for answers. */
  readonly budgetMs: number;
}

/** A neighbour's answer to a letter that it was asked to pass on. The answer proves itself too. */
export interface RelayAnswer {
  /** The hash of the letter. */
  readonly hash: string;
  /** The answer. Nothing in it is proven yet. `null` if no path leads to the addressee through this neighbour. */
  readonly answer: Data;
}

/**
 * @throws TypeError if a payload cannot hold the data; PeerloomError `ERR_MESSAGE_TOO_LARGE` for too many containers.
 */
export function encodeSecureFrame(kind: SecureFrameKind, data: Data, number = 0): Uint8Array {
  const { format, body } = encodePayload(data);
  checkContainers(format, body);
  const bytes = new Uint8Array(headerBytes + body.length);
  bytes[0] = kind;
  bytes[1] = format;
  setNumber(bytes, number);
  bytes.set(body, headerBytes);
  return bytes;
}

/** @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` if the payload has too many containers. */
export function checkContainers(format: number, body: Uint8Array): void {
  if (countContainers(format, body) <= maxLetterContainers) return;
  throw new PeerloomError(
    'ERR_MESSAGE_TOO_LARGE',
    `what goes through other nodes may hold ${maxLetterContainers} lists, objects, byte arrays and typed arrays: use typed arrays for numbers, or send several messages`,
  );
}

/** @throws PeerloomError `ERR_ENVELOPE_INVALID`. */
export function readSecureFrame(bytes: Uint8Array): SecureFrame {
  if (bytes.length < headerBytes) throw invalid(`a frame of ${secureProtocol} has ${bytes.length} bytes`);
  const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(numberOffset);
  return { bytes, kind: bytes[0]!, format: bytes[1]!, number, body: bytes.subarray(headerBytes) };
}

/** Bytes of memory that the decoded payload takes in addition to the frame. */
export function unfoldedBeside({ format, body }: SecureFrame): number {
  return unfoldedBytes(format, body) - body.length;
}

/**
 * Decodes the payload, in steps if it is long.
 *
 * @throws PeerloomError `ERR_MESSAGE_INVALID`.
 */
export function dataSteps({ format, body }: SecureFrame, maxContainers: number): Steps<Data> {
  return decodeInSteps(format, body, { maxContainers: Math.min(maxContainers, maxLetterContainers) });
}

/** Returns the frame of a letter that this node wrote. */
export function frameOfLetter(letter: Data): Uint8Array {
  return encodeSecureFrame(SecureFrameKind.relay, letter);
}

/**
 * Writes the time for which the next node may wait for answers into the frame of a letter. The letter is not encoded
 * again.
 */
export function setBudget(frame: Uint8Array, budgetMs: number): void {
  setNumber(frame, Math.ceil(budgetMs));
}

export function relayRequestOf(frame: SecureFrame, maxContainers: number): RelayRequest {
  const budgetMs = Math.min(frame.number, maxBudgetMs) * budgetShare;
  return { frame: frame.bytes, read: () => dataSteps(frame, maxContainers), budgetMs };
}

/** @throws PeerloomError `ERR_ENVELOPE_INVALID`. */
export function relayAnswerOf(data: Data): RelayAnswer {
  const { hash, answer } = fieldsOf(data);
  if (!isHash(hash) || answer === undefined) throw invalid('a neighbour answered no letter');
  return { hash, answer };
}

function setNumber(bytes: Uint8Array, number: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(numberOffset, number);
}

export function invalid(message: string): PeerloomError {
  return new PeerloomError('ERR_ENVELOPE_INVALID', message);
}
