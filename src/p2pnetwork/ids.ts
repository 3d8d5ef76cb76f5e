import { PeerloomError } from '../base/errors.ts';
import { isPeerId } from '../identity/identity.ts';
import { decodeText, encodeText } from '../wire/payloads/text.ts';
import { checkIdLength, readClaimedId } from './claimed-id.ts';
import { packetEnd } from './packet-reader.ts';

/*
 * A p2pnetwork connection begins like this. The ids have no delimiter:
 *
 *   dialler   id ':' port  ──►            (1.2; versions 0.0.3 to 1.1 and some programs send the id alone)
 *             ◄──  id        acceptor
 *   packets  ◄──►  packets
 *
 * The dialler sends nothing more until it has read the other's id, so silence means that `id:port` is complete. The
 * acceptor may send its first packet directly after its id. What is known of the id then tells where it ends.
 */

/** The result of reading an id, and the bytes after it. */
export interface IdRead {
  readonly id: string;
  /**
   * The port on which a dialler says that it listens. 0 if it does not say or know, as in 1.2 with a port picked by the
   * system.
   */
  readonly port: number;
  readonly rest: Uint8Array;
}

/** Reads an id that arrives in any pieces. */
export interface IdReader {
  /** Returns the id once its end is certain. @throws PeerloomError `ERR_HANDSHAKE`, `ERR_SELF_CONNECTION`. */
  push(bytes: Uint8Array): IdRead | undefined;
  /** Milliseconds without another byte after which `settle` may be called. */
  readonly silenceMs: number;
  /** Call it after that silence. Returns the id, if what has arrived can be a complete one. */
  settle(): IdRead | undefined;
}

/** An id that a node made itself: the hexadecimal digits of a SHA-512. */
const madeIdBytes = 128;

/** The length of a peerloom id in base58. */
const peerIdBytes = 52;

/** Silence after which an id without a recognisable end counts as complete. */
const silenceMs = 100;

/** The same where a port may follow: a dialler of 1.2 sends it in one piece with its id, older ones never do. */
const silenceWithoutPortMs = 500;

const maxPortDigits = 5;
const colon = 0x3a;
const brace = 0x7b;

/** The first bytes of a dialler. They must be sent in one piece, on which 1.2 relies. */
export function introduction(id: string, port: number): Uint8Array {
  return encodeText(`${id}:${port}`);
}

/**
 * Reads the `id:port` of a node that dialled, or an id alone.
 *
 * An id alone is complete once nothing has followed it for a while. If its node does not wait for the answer, the id
 * ends where the first read ended, as in 1.2, and a message follows.
 */
export class IntroductionReader implements IdReader {
  #read: Uint8Array = new Uint8Array(0);
  #firstReadBytes = 0;

  push(bytes: Uint8Array): IdRead | undefined {
    if (this.#firstReadBytes === 0) this.#firstReadBytes = bytes.length;
    this.#read = joined(this.#read, bytes);
    return this.#find(false);
  }

  get silenceMs(): number {
    return this.#read.includes(colon) ? silenceMs : silenceWithoutPortMs;
  }

  settle(): IdRead | undefined {
    return this.#find(true);
  }

  #find(isSettled: boolean): IdRead | undefined {
    const read = this.#read;
    if (isMadeIdAlone(read)) return cut(read, madeIdBytes);
    const idEnd = read.indexOf(colon);
    const firstPacketEnd = read.indexOf(packetEnd);
    if (idEnd === -1 || this.#isMessage(idEnd) || (firstPacketEnd !== -1 && firstPacketEnd < idEnd)) {
      return this.#findIdAlone(firstPacketEnd !== -1 || idEnd !== -1, isSettled);
    }
    let end = idEnd + 1;
    while (end - idEnd <= maxPortDigits && isDigit(read[end])) end++;
    const digits = end - idEnd - 1;
    const isWhole = digits === maxPortDigits || (digits > 0 && (isSettled || end < read.length));
    if (!isWhole) {
      if (end < read.length) throw notAnIntroduction();
      return undefined;
    }
    const port = Number(decodeText(read.subarray(idEnd + 1, end)));
    if (port > 0xffff || read[end] === colon) throw notAnIntroduction();
    return { id: readClaimedId(read.subarray(0, idEnd)), port, rest: read.subarray(end) };
  }

  #findIdAlone(isFollowed: boolean, isSettled: boolean): IdRead | undefined {
    const read = this.#read;
    if (!isFollowed) {
      checkIdLength(read.length);
      return isSettled && read.length > 0 ? cut(read, read.length) : undefined;
    }
    if (isMadeId(read)) return cut(read, madeIdBytes);
    if (read.subarray(0, this.#firstReadBytes).includes(packetEnd)) throw arrivedAsOne();
    return cut(read, this.#firstReadBytes);
  }

  /** Whether the colon belongs to a JSON object after the first read, which held only the id. */
  #isMessage(place: number): boolean {
    return place > this.#firstReadBytes && this.#read[this.#firstReadBytes] === brace;
  }
}

/** What helps an {@link AnswerReader} to recognise an id. */
export interface AnswerHints {
  /** The id of this node. An answer that contains it is an echo. */
  readonly ownId: string;
  /** The id that the other node had before, or must have. */
  readonly expectedId?: string | undefined;
}

/**
 * Reads the id with which a node answers this node's introduction.
 *
 * An id that the node itself made is recognised by its form, and an expected id by comparing. Any other id ends where
 * the first read ended, or when the node falls silent, because the node sends it separately. If the first read already
 * holds a packet, the end of the id is unknown, and the reader does not guess.
 */
export class AnswerReader implements IdReader {
  readonly silenceMs = silenceMs;
  readonly #ownId: Uint8Array;
  readonly #expected: Uint8Array | undefined;
  #read: Uint8Array = new Uint8Array(0);
  #firstReadBytes = 0;

  constructor({ ownId, expectedId }: AnswerHints) {
    this.#ownId = encodeText(ownId);
    this.#expected = expectedId === undefined ? undefined : encodeText(expectedId);
  }

  push(bytes: Uint8Array): IdRead | undefined {
    if (this.#firstReadBytes === 0) this.#firstReadBytes = bytes.length;
    this.#read = joined(this.#read, bytes);
    const end = this.#findEnd();
    return end === undefined ? undefined : cut(this.#read, end);
  }

  settle(): IdRead | undefined {
    return this.#read.length === 0 ? undefined : cut(this.#read, this.#read.length);
  }

  #findEnd(): number | undefined {
    const read = this.#read;
    if (holds(read, this.#ownId)) throw ownAnswer();
    if (isMadeId(read)) return madeIdBytes;
    if (beginsWithPeerId(read)) return peerIdBytes;
    const firstPacketEnd = read.indexOf(packetEnd);
    if (firstPacketEnd === -1) {
      checkIdLength(read.length);
      return undefined;
    }
    if (this.#expected?.every((byte, index) => byte === read[index])) return this.#expected.length;
    if (firstPacketEnd >= this.#firstReadBytes) return this.#firstReadBytes;
    throw arrivedAsOne();
  }
}

/** An id without a port. */
function cut(read: Uint8Array, end: number): IdRead {
  return { id: readClaimedId(read.subarray(0, end)), port: 0, rest: read.subarray(end) };
}

function notAnIntroduction(): PeerloomError {
  return new PeerloomError(
    'ERR_HANDSHAKE',
    "it did not begin with 'id:port'; an id must not contain a colon",
  );
}

function arrivedAsOne(): PeerloomError {
  return new PeerloomError(
    'ERR_HANDSHAKE',
    "the node's id and its first message arrived together, with nothing between them: dial again, or " +
      'pass the id of that node as { id }',
  );
}

function ownAnswer(): PeerloomError {
  return new PeerloomError(
    'ERR_SELF_CONNECTION',
    'the answer holds the id of this node: the address leads to this node itself, or to a program that sends back what it receives',
  );
}

function isMadeId(bytes: Uint8Array): boolean {
  return bytes.length >= madeIdBytes && bytes.subarray(0, madeIdBytes).every(isHexadecimal);
}

/** Whether it is such an id, followed by a message that does not look like more of the id. */
function isMadeIdAlone(bytes: Uint8Array): boolean {
  if (bytes.length <= madeIdBytes || !isMadeId(bytes)) return false;
  const next = bytes[madeIdBytes]!;
  return next !== colon && !isHexadecimal(next);
}

function beginsWithPeerId(bytes: Uint8Array): boolean {
  if (bytes.length < peerIdBytes) return false;
  return isPeerId(String.fromCharCode(...bytes.subarray(0, peerIdBytes)));
}

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = bytes.indexOf(part[0]!); at !== -1; at = bytes.indexOf(part[0]!, at + 1)) {
    if (part.every((byte, index) => byte === bytes[at + index])) return true;
  }
  return false;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHexadecimal(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x66);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
