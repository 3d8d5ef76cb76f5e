import { PeerloomError } from '../../errors.ts';
import { decodeText, encodeText } from '../text.ts';
import { packetEnd } from './packet-reader.ts';

/*
 * A p2pnetwork connection begins so, and nothing ends either id:
 *
 *   dialler   id ':' port  ──►
 *             ◄──  id        acceptor
 *   packets  ◄──►  packets
 *
 * The dialler sends nothing more until it has read the other's id, so silence tells that `id:port` is whole. The
 * acceptor may send its first packet right after its id: where the id ends is then told by what is known of it.
 */

/** What is known once an id is read, and the bytes after it. */
export interface IdRead {
  readonly id: string;
  /** Where a dialler says it listens; 0 when it does not know, as in 1.2 with a port picked by the system. */
  readonly port: number;
  readonly rest: Uint8Array;
}

/** Reads an id that arrives in any pieces. */
export interface IdReader {
  /** The id, once it is certain where it ends. @throws PeerloomError `ERR_HANDSHAKE`. */
  push(bytes: Uint8Array): IdRead | undefined;
  /** Nothing more has arrived for a while: what is there is whole, if it can be. */
  settle(): IdRead | undefined;
}

/** An id that a node made itself: the hexadecimal digits of a SHA-512. */
const madeIdBytes = 128;

/** Of an id that a user chose. The Python package itself reads 4 KiB at most. */
const maxIdBytes = 256;

const maxPortDigits = 5;
const colon = 0x3a;

/** What a dialler sends first; in one piece, which 1.2 relies on. */
export function introduction(id: string, port: number): Uint8Array {
  return encodeText(`${id}:${port}`);
}

/** Reads the `id:port` of a node that dialled us. */
export class IntroductionReader implements IdReader {
  #read: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): IdRead | undefined {
    this.#read = joined(this.#read, bytes);
    return this.#find(false);
  }

  settle(): IdRead | undefined {
    return this.#find(true);
  }

  #find(isSettled: boolean): IdRead | undefined {
    const read = this.#read;
    const idEnd = read.indexOf(colon);
    if (idEnd === -1) {
      checkLength(read.length);
      return undefined;
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
    return { id: readId(read.subarray(0, idEnd)), port, rest: read.subarray(end) };
  }
}

/**
 * Reads the id with which a node answers our introduction.
 *
 * An id that the node made is told by its form, and one that is expected by comparing. Any other ends where the
 * first read ended, or in silence: the node sends it on its own. If a packet was in the first read already, the
 * id cannot be told, and is not guessed at.
 */
export class AnswerReader implements IdReader {
  readonly #expected: Uint8Array | undefined;
  #read: Uint8Array = new Uint8Array(0);
  #firstReadBytes = 0;

  /** @param expectedId The id that this node had before, or must have. */
  constructor(expectedId?: string) {
    this.#expected = expectedId === undefined ? undefined : encodeText(expectedId);
  }

  push(bytes: Uint8Array): IdRead | undefined {
    if (this.#firstReadBytes === 0) this.#firstReadBytes = bytes.length;
    this.#read = joined(this.#read, bytes);
    const end = this.#findEnd();
    return end === undefined ? undefined : this.#cut(end);
  }

  settle(): IdRead | undefined {
    return this.#read.length === 0 ? undefined : this.#cut(this.#read.length);
  }

  #findEnd(): number | undefined {
    const read = this.#read;
    if (isMadeId(read)) return madeIdBytes;
    const firstPacketEnd = read.indexOf(packetEnd);
    if (firstPacketEnd === -1) {
      checkLength(read.length);
      return undefined;
    }
    if (this.#expected?.every((byte, index) => byte === read[index])) return this.#expected.length;
    if (firstPacketEnd >= this.#firstReadBytes) return this.#firstReadBytes;
    throw new PeerloomError(
      'ERR_HANDSHAKE',
      "the node's id and its first message arrived as one, with nothing between them: dial again, or say which " +
        'id it has with { id }',
    );
  }

  #cut(end: number): IdRead {
    return { id: readId(this.#read.subarray(0, end)), port: 0, rest: this.#read.subarray(end) };
  }
}

/** @throws PeerloomError `ERR_HANDSHAKE` for what cannot be meant as an id. */
function readId(bytes: Uint8Array): string {
  checkLength(bytes.length);
  let id: string;
  try {
    id = decodeText(bytes);
  } catch (cause) {
    throw new PeerloomError('ERR_HANDSHAKE', 'its id is not UTF-8', { cause });
  }
  if (id === '' || /\p{Cc}/u.test(id)) {
    throw new PeerloomError('ERR_HANDSHAKE', 'its id is empty or holds control characters');
  }
  return id;
}

function checkLength(idBytes: number): void {
  if (idBytes <= maxIdBytes) return;
  throw new PeerloomError('ERR_HANDSHAKE', `its id is longer than ${maxIdBytes} bytes`);
}

function notAnIntroduction(): PeerloomError {
  return new PeerloomError('ERR_HANDSHAKE', "it did not begin with 'id:port'; an id must not hold a colon");
}

function isMadeId(bytes: Uint8Array): boolean {
  return bytes.length >= madeIdBytes && bytes.subarray(0, madeIdBytes).every(isHexadecimal);
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
