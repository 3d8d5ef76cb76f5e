import type { Data } from '../../base/data.ts';
import { livenessPingId } from '../../channel/liveness.ts';
import type { DataLink } from '../../transport/data-link.ts';
import { FrameKind, frameHeaderBytes, idBytes, readUint32 } from '../../wire/frames/frame.ts';
import type { Cargo } from './way.ts';

/** The end of a link that a piece is on its way to. */
export interface Receiver {
  /** Receives a piece at its arrival. */
  take(content: Content): void;
}

/** What arrives at once, and how many bytes it counts as. */
export type Content = Uint8Array | DataPiece;

/** Data on its way to an end of a link: all that was sent in one step of the world. */
export class DataPiece implements Cargo {
  at = 0;
  next: Cargo | undefined = undefined;
  readonly isWork = true;
  /** Headers included. */
  length: number;
  readonly step: number;
  readonly #to: Receiver;
  readonly #data: Data;
  readonly #dataBytes: number;
  /** What was sent after the first. */
  #more: [data: Data, bytes: number][] | undefined;
  /** How many of all arrive. */
  #count = 1;

  constructor(step: number, to: Receiver, data: Data, bytes: number) {
    this.step = step;
    this.#to = to;
    this.#data = data;
    this.#dataBytes = bytes;
    this.length = bytes + frameHeaderBytes;
  }

  get bytes(): number {
    return this.length;
  }

  add(data: Data, bytes: number): void {
    this.#more ??= [];
    this.#more.push([data, bytes]);
    this.#count += 1;
    this.length += bytes + frameHeaderBytes;
  }

  arrive(fraction: number): void {
    if (fraction < 1) this.#count = Math.floor(this.#count * fraction);
    this.#to.take(this);
  }

  read(onData: NonNullable<DataLink['onData']>): void {
    if (this.#count > 0) onData(this.#data, this.#dataBytes);
    if (this.#more === undefined) return;
    for (const [data, bytes] of this.#more.slice(0, Math.max(0, this.#count - 1))) onData(data, bytes);
  }
}

/** Bytes on their way to an end of a link. */
export class BytePiece implements Cargo {
  at = 0;
  next: Cargo | undefined = undefined;
  readonly #content: Uint8Array;
  readonly #to: Receiver;

  constructor(content: Uint8Array, to: Receiver) {
    this.#content = content;
    this.#to = to;
  }

  get bytes(): number {
    return this.#content.length;
  }

  get isWork(): boolean {
    return !isLivenessFrame(this.#content);
  }

  arrive(fraction: number): void {
    const content = this.#content;
    this.#to.take(fraction === 1 ? content : content.subarray(0, Math.floor(content.length * fraction)));
  }
}

/** Whether the bytes are a ping that a node sent by itself, or the answer to one. Pings of users have other numbers. */
function isLivenessFrame(bytes: Uint8Array): boolean {
  if (bytes.length !== frameHeaderBytes + idBytes) return false;
  const kind = bytes[4];
  const isPing = kind === FrameKind.ping || kind === FrameKind.pong;
  return isPing && readUint32(bytes, 0) === idBytes && readUint32(bytes, frameHeaderBytes) === livenessPingId;
}
