import { PeerloomError } from '../base/errors.ts';
import { isPeerId } from '../identity/identity.ts';
import { decodeText, encodeText } from '../wire/payloads/text.ts';
import { checkIdLength, readClaimedId } from './claimed-id.ts';
import { packetEnd } from './packet-reader.ts';

/*
 * A p2pnetwork connection begins so, and nothing ends either id:
 *
 *   dialler   id ':' port  ──►            (1.2; versions 0.0.3 to 1.1 and some programs send the id alone)
 *             ◄──  id        acceptor
 *   packets  ◄──►  packets
 *
 * The dialler sends nothing more until it has read the other's id, so silence tells that `id:port` is whole. The
 * acceptor may send its first packet right after its id: where the id ends is then told by what is known of it.
 */

/** What is known once an id is read, and the bytes after it. */
export interface IdRead {
  readonly id: string;
  /** Where a dialler says it listens; 0 when it does not say, or does not know, as in 1.2 with a port picked by the system. */
  readonly port: number;
  readonly rest: Uint8Array;
}

/** Reads an id that arrives in any pieces. */
export interface IdReader {
  /** The id, once it is certain where it ends. @throws PeerloomError `ERR_HANDSHAKE`, `ERR_SELF_CONNECTION`. */
  push(bytes: Uint8Array): IdRead | undefined;
  /** Milliseconds without another byte after which `settle` may be called. */
  readonly silenceMs: number;
  /** Nothing more has arrived for that long: what is there is whole, if it can be. */
  settle(): IdRead | undefined;
}

/** An id that a node made itself: the hexadecimal digits of a SHA-512. */
const madeIdBytes = 128;

/** In base58, as all peerloom nodes have. */
const peerIdBytes = 52;

/** Silence after which an id whose end nothing marks counts as whole. */
const silenceMs = 100;

/** The same where a port may follow: a dialler of 1.2 sends it in one piece with its id, older ones never do. */
const silenceWithoutPortMs = 500;

const maxPortDigits = 5;
const colon = 0x3a;
const brace = 0x7b;

/** What a dialler sends first; in one piece, which 1.2 relies on. */
export function introduction(id: string, port: number): Uint8Array {
  return encodeText(`${id}:${port}`);
}

/**
 * Reads the `id:port` of a node that dialled us, or an id alone.
 *
 * An id alone is whole once nothing follows it for a while. If its node does not wait for our answer, the id ends where
 * the first read ended, as 1.2 has it, and a message follows.
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

  /** The colon is one of a JSON object that came behind the first read, which held the id alone. */
  #isMessage(place: number): boolean {
    return place > this.#firstReadBytes && this.#read[this.#firstReadBytes] === brace;
  }
}

/** What an {@link AnswerReader} can tell an id by. */
export interface AnswerHints {
  /** The id of this node: an answer that holds it is what this node said itself. */
  readonly ownId: string;
  /** The id that the other node had before, or must have. */
  readonly expectedId?: string | undefined;
}

/**
 * Reads the id with which a node answers our introduction.
 *
 * An id that the node itself made is recognised by its form, and an expected id by comparing. Any other id ends where the
 * first read ended, or when the node falls silent, because the node sends it on its own. If the first read already holds a
 * packet, the end of the id is unknown, and the function does not guess.
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

/** Such an id with a message behind it that does not begin like more of the id. */
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
