import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { PeerloomError } from '../base/errors.ts';
import { idFromPublicKey, publicKeyFromId } from '../identity/identity.ts';
import { type AddressRecord, readAddressRecord } from '../overlay/membership/address-record.ts';

/** The kinds of frames by which neighbours find a node (docs/protocol.md, section 16): the first byte of a frame. */
export const QuestionFrameKind = { find: 48, found: 49, unknown: 50, look: 51, seen: 52 } as const;

/** The most further links that a question passes over. */
export const maxQuestionHops = 4;

/** The most characters of the host in a question. */
const maxHostLength = 255;

const keyBytes = 32;
const numberBytes = 8;
const findBytes = 1 + numberBytes + 1 + keyBytes;
const seenBytes = 1 + numberBytes + 8 + 2;

export type QuestionFrame =
  | {
      readonly kind: 'find';
      /** The number of the question, 16 hexadecimal digits. It stays the same when the question is passed on. */
      readonly number: string;
      /** The number of further links over which the question may be passed on. */
      readonly hops: number;
      /** The id of the node to find. */
      readonly id: string;
      /** The host at which the sender sees the receiver. Empty if there is none. */
      readonly seenAs: string;
    }
  | { readonly kind: 'found'; readonly number: string; readonly record: AddressRecord }
  | { readonly kind: 'unknown'; readonly number: string }
  | { readonly kind: 'look'; readonly number: string }
  | {
      readonly kind: 'seen';
      readonly number: string;
      /** The host and the port at which the sender sees the receiver. Empty and 0 if there is none. */
      readonly host: string;
      readonly port: number;
      /** The time of the sender's clock, in milliseconds since 1970. */
      readonly wallMs: number;
    };

/** The frames about the addresses of a third node. */
export type FindingFrame = Exclude<QuestionFrame, { kind: 'look' | 'seen' }>;

export function findFrame(question: Omit<Extract<QuestionFrame, { kind: 'find' }>, 'kind'>): Uint8Array {
  const { number, hops, id, seenAs } = question;
  const host = isHostText(seenAs) ? seenAs : '';
  const frame = new Uint8Array(findBytes + host.length);
  frame[0] = QuestionFrameKind.find;
  frame.set(hexToBytes(number), 1);
  frame[1 + numberBytes] = hops;
  frame.set(publicKeyFromId(id), 2 + numberBytes);
  for (let at = 0; at < host.length; at++) frame[findBytes + at] = host.charCodeAt(at);
  return frame;
}

export function foundFrame(number: string, { bytes }: AddressRecord): Uint8Array {
  const frame = new Uint8Array(1 + numberBytes + bytes.length);
  frame[0] = QuestionFrameKind.found;
  frame.set(hexToBytes(number), 1);
  frame.set(bytes, 1 + numberBytes);
  return frame;
}

export function unknownFrame(number: string): Uint8Array {
  const frame = new Uint8Array(1 + numberBytes);
  frame[0] = QuestionFrameKind.unknown;
  frame.set(hexToBytes(number), 1);
  return frame;
}

export function lookFrame(number: string): Uint8Array {
  const frame = new Uint8Array(1 + numberBytes);
  frame[0] = QuestionFrameKind.look;
  frame.set(hexToBytes(number), 1);
  return frame;
}

export function seenFrame(seen: Omit<Extract<QuestionFrame, { kind: 'seen' }>, 'kind'>): Uint8Array {
  const { number, host: given, port, wallMs } = seen;
  const host = isHostText(given) ? given : '';
  const frame = new Uint8Array(seenBytes + host.length);
  const view = new DataView(frame.buffer);
  frame[0] = QuestionFrameKind.seen;
  frame.set(hexToBytes(number), 1);
  view.setBigUint64(1 + numberBytes, BigInt(Math.max(0, Math.trunc(wallMs))));
  view.setUint16(9 + numberBytes, port);
  for (let at = 0; at < host.length; at++) frame[seenBytes + at] = host.charCodeAt(at);
  return frame;
}

/**
 * Reads a frame. The signature of a record is not checked.
 *
 * @throws PeerloomError `ERR_PROTOCOL` if the frame is not one that a node writes.
 */
export function readQuestionFrame(bytes: Uint8Array): QuestionFrame {
  const number = bytesToHex(bytes.subarray(1, 1 + numberBytes));
  const rest = bytes.subarray(1 + numberBytes);
  if (number.length === 2 * numberBytes) {
    if (bytes[0] === QuestionFrameKind.find) return readFind(number, rest);
    if (bytes[0] === QuestionFrameKind.found)
      return { kind: 'found', number, record: readAddressRecord(rest) };
    if (bytes[0] === QuestionFrameKind.unknown && rest.length === 0) return { kind: 'unknown', number };
    if (bytes[0] === QuestionFrameKind.look && rest.length === 0) return { kind: 'look', number };
    if (bytes[0] === QuestionFrameKind.seen) return readSeen(number, rest);
  }
  throw noFrame(bytes);
}

function readFind(number: string, rest: Uint8Array): QuestionFrame {
  const hops = rest[0] ?? 255;
  const key = rest.subarray(1, 1 + keyBytes);
  const seenAs = String.fromCharCode(...rest.subarray(1 + keyBytes, 2 + keyBytes + maxHostLength));
  const isWhole = key.length === keyBytes && hops <= maxQuestionHops;
  if (!isWhole || (seenAs !== '' && !isHostText(seenAs))) throw noFrame(rest);
  try {
    return { kind: 'find', number, hops, id: idFromPublicKey(key), seenAs };
  } catch (cause) {
    throw new PeerloomError('ERR_PROTOCOL', 'a question for a key that no node can have', { cause });
  }
}

function readSeen(number: string, rest: Uint8Array): QuestionFrame {
  if (rest.length < 10 || rest.length > 10 + maxHostLength) throw noFrame(rest);
  const view = new DataView(rest.buffer, rest.byteOffset);
  const wallMs = Number(view.getBigUint64(0));
  const host = String.fromCharCode(...rest.subarray(10));
  if (!Number.isSafeInteger(wallMs) || (host !== '' && !isHostText(host))) throw noFrame(rest);
  return { kind: 'seen', number, host, port: view.getUint16(8), wallMs };
}

/** Whether the text is printable ASCII without spaces. */
function isHostText(text: string): boolean {
  return text.length <= maxHostLength && /^[!-~]+$/.test(text);
}

function noFrame(bytes: Uint8Array): PeerloomError {
  return new PeerloomError('ERR_PROTOCOL', `a question of ${bytes.length} bytes that no node asks`);
}
