import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { PeerloomError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/sha256.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import { HistoryFrameKind } from './history-frame-kinds.ts';
import type { Capacity } from './kept-broadcasts.ts';
import { idBytes } from './negentropy/ordered-ids.ts';

/** A topic that a node keeps, by its digest, and how much of it the node keeps. */
export interface KeptTopic extends Capacity {
  readonly digest: string;
}

/** A topic's digest is this many bytes of a SHA-256. It hides the topic's name from nodes that do not know it. */
const digestBytes = 16;
const keptTopicBytes = digestBytes + 4 + 8;

/** The most topics that a node keeps, and that one frame names. */
export const maxKeptTopics = 256;

/** The most ids in a frame. */
export const maxIds = 512;

/** The most links of a walk. */
export const maxWalkLinks = 8;

/** The most bytes of a reconciliation message. */
export const maxReconciliationBytes = 16 * 1024;

export type HistoryFrame =
  | { readonly kind: 'keep'; readonly isQuestion: boolean; readonly topics: readonly KeptTopic[] }
  | OfRun<{
      readonly kind: 'compare';
      readonly isFirst: boolean;
      readonly floorUs: number;
      readonly untilUs: number;
      readonly message: Uint8Array;
    }>
  | OfRun<{ readonly kind: 'answer'; readonly message: Uint8Array }>
  | OfRun<{ readonly kind: 'refuse'; readonly floorUs: number }>
  | OfRun<{ readonly kind: 'fetch'; readonly ids: readonly string[] }>
  | OfRun<{ readonly kind: 'fetched'; readonly count: number }>
  | { readonly kind: 'offer'; readonly digest: string; readonly ids: readonly string[] }
  | { readonly kind: 'past'; readonly broadcast: Uint8Array<ArrayBuffer> }
  | (WalkFrame & { readonly kind: 'seek'; readonly hopsLeft: number })
  | (WalkFrame & { readonly kind: 'found'; readonly record: Uint8Array<ArrayBuffer> })
  | {
      readonly kind: 'keeping';
      readonly digest: string;
      readonly hopsLeft: number;
      readonly record: Uint8Array<ArrayBuffer>;
    };

/** The common fields of frames of a walk that looks for a keeper. */
interface WalkFrame {
  readonly digest: string;
  /** The number of the walk, chosen by the node that looks for a keeper. */
  readonly walk: number;
  /** The path of the walk: each node on it adds its own number for the peer that delivered the walk. */
  readonly way: readonly number[];
}

/** A frame that belongs to a topic and to one run in which two nodes catch up. */
type OfRun<Frame> = Frame & { readonly digest: string; readonly run: number };

/** The frames of some kinds. */
export type OfKind<Kind extends HistoryFrame['kind']> = Extract<HistoryFrame, { readonly kind: Kind }>;

/** Returns the name of a topic in these frames, 32 hexadecimal digits. */
export function digestOf(network: string, topic: string): string {
  return sha256Hex(encodeText(`peerloom history 1\0${network}\0${topic}`)).slice(0, digestBytes * 2);
}

export function writeHistoryFrame(frame: HistoryFrame): Uint8Array<ArrayBuffer> {
  const writer = new FrameWriter(HistoryFrameKind[frame.kind]);
  if (frame.kind === 'past') return writer.bytes(frame.broadcast).end();
  if (frame.kind === 'keep') {
    writer.number(frame.isQuestion ? 1 : 0, 1);
    for (const { digest, maxMessages, maxBytes } of frame.topics) {
      writer.hex(digest).number(maxMessages, 4).number(maxBytes, 8);
    }
    return writer.end();
  }
  writer.hex(frame.digest);
  if (frame.kind === 'seek' || frame.kind === 'found') {
    writer.number(frame.walk, 4);
    if (frame.kind === 'seek') writer.number(frame.hopsLeft, 1);
    else writer.number(frame.way.length, 1);
    for (const number of frame.way) writer.number(number, 4);
    return frame.kind === 'seek' ? writer.end() : writer.bytes(frame.record).end();
  }
  if (frame.kind === 'keeping') return writer.number(frame.hopsLeft, 1).bytes(frame.record).end();
  if (frame.kind !== 'offer') writer.number(frame.run, 4);
  switch (frame.kind) {
    case 'compare':
      writer
        .number(frame.isFirst ? 1 : 0, 1)
        .number(frame.floorUs, 8)
        .number(frame.untilUs, 8);
      return writer.bytes(frame.message).end();
    case 'answer':
      return writer.bytes(frame.message).end();
    case 'refuse':
      return writer.number(frame.floorUs, 8).end();
    case 'fetched':
      return writer.number(frame.count, 2).end();
    case 'offer':
    case 'fetch':
      for (const id of frame.ids) writer.hex(id);
      return writer.end();
  }
}

/** @throws PeerloomError `ERR_PROTOCOL` if the frame is not valid. */
export function readHistoryFrame(bytes: Uint8Array<ArrayBuffer>): HistoryFrame {
  const reader = new FrameReader(bytes);
  const kind = reader.number(1);
  switch (kind) {
    case HistoryFrameKind.keep: {
      const isQuestion = reader.number(1) === 1;
      const topics = reader.list(keptTopicBytes, maxKeptTopics, () => ({
        digest: reader.hex(digestBytes),
        maxMessages: reader.number(4),
        maxBytes: reader.number(8),
      }));
      return { kind: 'keep', isQuestion, topics };
    }
    case HistoryFrameKind.past:
      return { kind: 'past', broadcast: reader.rest() };
    case HistoryFrameKind.offer:
      return { kind: 'offer', digest: reader.hex(digestBytes), ids: reader.ids() };
    case HistoryFrameKind.seek: {
      const [digest, walk, hopsLeft] = [reader.hex(digestBytes), reader.number(4), reader.number(1)];
      return {
        kind: 'seek',
        digest,
        walk,
        hopsLeft,
        way: reader.list(4, maxWalkLinks, () => reader.number(4)),
      };
    }
    case HistoryFrameKind.found: {
      const [digest, walk, length] = [reader.hex(digestBytes), reader.number(4), reader.number(1)];
      if (length > maxWalkLinks) throw invalid(`a way over ${length} links`);
      const way = Array.from({ length }, () => reader.number(4));
      return { kind: 'found', digest, walk, way, record: reader.rest() };
    }
    case HistoryFrameKind.keeping: {
      const [digest, hopsLeft] = [reader.hex(digestBytes), reader.number(1)];
      if (hopsLeft >= maxWalkLinks) throw invalid(`a walk over ${hopsLeft} more links`);
      return { kind: 'keeping', digest, hopsLeft, record: reader.rest() };
    }
  }
  const of = { digest: reader.hex(digestBytes), run: reader.number(4) };
  switch (kind) {
    case HistoryFrameKind.compare: {
      const isFirst = reader.number(1) === 1;
      const [floorUs, untilUs] = [reader.number(8), reader.number(8)];
      return { kind: 'compare', ...of, isFirst, floorUs, untilUs, message: reader.message() };
    }
    case HistoryFrameKind.answer:
      return { kind: 'answer', ...of, message: reader.message() };
    case HistoryFrameKind.refuse:
      return { kind: 'refuse', ...of, floorUs: reader.last(8) };
    case HistoryFrameKind.fetch:
      return { kind: 'fetch', ...of, ids: reader.ids() };
    case HistoryFrameKind.fetched:
      return { kind: 'fetched', ...of, count: reader.last(2) };
  }
  throw new PeerloomError('ERR_PROTOCOL', `a frame of kind ${kind} that no node sends`);
}

class FrameWriter {
  readonly #parts: Uint8Array[];

  constructor(kind: number) {
    this.#parts = [Uint8Array.of(kind)];
  }

  hex(digits: string): this {
    return this.bytes(hexToBytes(digits));
  }

  bytes(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  /** Writes a whole number, the most significant byte first. */
  number(value: number, length: number): this {
    const bytes = new Uint8Array(length);
    let rest = value;
    for (let at = length - 1; at >= 0; at--) {
      bytes[at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return this.bytes(bytes);
  }

  end(): Uint8Array<ArrayBuffer> {
    const frame = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      frame.set(part, at);
      at += part.length;
    }
    return frame;
  }
}

class FrameReader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  number(length: number): number {
    let value = 0;
    for (const byte of this.#take(length)) value = value * 256 + byte;
    if (value > Number.MAX_SAFE_INTEGER) throw invalid(`a number of ${value}`);
    return value;
  }

  hex(length: number): string {
    return bytesToHex(this.#take(length));
  }

  rest(): Uint8Array<ArrayBuffer> {
    return this.#take(this.#restBytes);
  }

  message(): Uint8Array {
    if (this.#restBytes > maxReconciliationBytes) throw invalid(`a message of ${this.#restBytes} bytes`);
    return this.rest();
  }

  /** Reads a number that ends the frame. */
  last(length: number): number {
    if (this.#restBytes !== length) throw invalid(`${this.#restBytes} bytes in place of ${length}`);
    return this.number(length);
  }

  ids(): readonly string[] {
    const ids = this.list(idBytes, maxIds, () => this.hex(idBytes));
    if (ids.length === 0) throw invalid('no ids');
    return ids;
  }

  /** Reads the items that fill the rest of the frame. */
  list<Item>(itemBytes: number, maxCount: number, read: () => Item): readonly Item[] {
    const count = this.#restBytes / itemBytes;
    if (!Number.isInteger(count) || count > maxCount) throw invalid(`a list of ${this.#restBytes} bytes`);
    return Array.from({ length: count }, read);
  }

  get #restBytes(): number {
    return this.#bytes.length - this.#at;
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#restBytes) throw invalid('it is cut short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function invalid(what: string): PeerloomError {
  return new PeerloomError('ERR_PROTOCOL', `a frame of the history is not valid: ${what}`);
}
