import { resolveLimits } from '../../../src/base/limits.ts';
import type { ChannelHandler } from '../../../src/channel/channel.ts';
import { Outgoing } from '../../../src/channel/send/outgoing.ts';
import type { ChannelStream } from '../../../src/channel/streams/stream.ts';
import { Streams } from '../../../src/channel/streams/streams.ts';
import { Trace } from '../../../src/channel/trace.ts';
import { type Data, type Limits, type Link, PeerloomError } from '../../../src/index.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { FrameKind, idOf } from '../../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../../src/wire/frames/frame-reader.ts';
import {
  decodeStreamCredit,
  decodeStreamOpen,
  streamDataHeaderBytes,
} from '../../../src/wire/frames/stream-frames.ts';
import { PayloadFormat } from '../../../src/wire/payloads/payload.ts';
import { silentLog } from '../../support/silent-log.ts';
import { turn } from '../../support/turns.ts';
import { endlessWindows } from '../../support/windows.ts';

const { streamOpen, streamData, streamCredit, streamEnd, streamAbort } = FrameKind;

/** A link that takes as many pieces as it is told to, and lets a test look at the frames in them. */
class HandLink {
  /** How many more pieces go before the link is full. */
  room = Number.POSITIVE_INFINITY;
  /** What was sent, and nobody has taken. */
  readonly frames: Frame[] = [];
  readonly #reader = new FrameReader(
    (kind, format, compression, body) => void this.frames.push({ kind, format, compression, body }),
    { maxMessageBytes: 2 ** 26 },
  );
  #drained = Promise.withResolvers<void>();

  send(bytes: Uint8Array, sent?: () => void): boolean {
    this.#reader.push(bytes);
    sent?.();
    this.room -= 1;
    return this.room > 0;
  }

  drained(): Promise<void> {
    return this.room > 0 ? Promise.resolve() : this.#drained.promise;
  }

  /** Takes so many pieces. */
  take(pieces: number): void {
    this.room = pieces;
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
  }
}

/** One end of a line: the streams of a connection, without the connection. */
export class LineEnd {
  readonly link = new HandLink();
  readonly outgoing: Outgoing;
  readonly streams: Streams;
  readonly runtime = new VirtualRuntime();
  /** Streams that the other side opened, with their headers. */
  readonly arrived: { header: Data; stream: ChannelStream }[] = [];
  readonly rejected: Error[] = [];
  /** What becomes of a stream that arrives. */
  handle: (stream: ChannelStream) => ReturnType<ChannelHandler['stream']> = () => true;

  constructor(direction: 'inbound' | 'outbound', limits: Partial<Limits> = {}) {
    const { runtime } = this;
    const all = resolveLimits(limits);
    this.outgoing = new Outgoing({
      link: this.link as unknown as Link,
      limits: all,
      windows: endlessWindows,
    });
    const trace = new Trace(silentLog, { id: 'other', name: '' });
    const theirs = { maxMessageBytes: all.maxMessageBytes };
    this.streams = new Streams({ direction, outgoing: this.outgoing, theirs, limits: all, runtime, trace });
  }

  /** Takes in a frame as a connection does. */
  receive(frame: Frame): void {
    if (frame.kind !== streamOpen) this.streams.onFrame(frame);
    else if (this.streams.onOpen(frame)) this.streams.offer(frame, this.handler);
  }

  /** The frames sent since the last call, or the first of them. */
  sent(count = Number.POSITIVE_INFINITY): Frame[] {
    return this.link.frames.splice(0, count);
  }

  /** All streams end because the connection does. */
  close(): void {
    this.streams.close(() => new PeerloomError('ERR_CONNECTION_CLOSED', 'closed by the test'));
  }

  /** Takes what is offered. */
  readonly handler = {
    stream: (header: Data, stream: ChannelStream) => {
      this.arrived.push({ header, stream });
      return this.handle(stream);
    },
    rejected: (error: Error) => void this.rejected.push(error),
  } as unknown as ChannelHandler;
}

/** Two ends, and what is on its way between them. */
export class Line {
  readonly dialler: LineEnd;
  readonly listener: LineEnd;
  /** What each side may still send of each stream, as somebody who reads along sees it. */
  readonly #credit = new Map<string, number>();

  constructor(limits: Partial<Limits> = {}) {
    this.dialler = new LineEnd('outbound', limits);
    this.listener = new LineEnd('inbound', limits);
  }

  /** Carries frames to and fro until there are none. */
  async flow(): Promise<void> {
    do await this.step();
    while (this.dialler.link.frames.length + this.listener.link.frames.length > 0);
  }

  /** Carries so many frames of the dialler, and all of the listener's. */
  async step(frames = Number.POSITIVE_INFINITY): Promise<void> {
    this.#carry(this.dialler, this.listener, frames);
    this.#carry(this.listener, this.dialler);
    await turn();
  }

  /** What a side may still send of a stream, and knows of. */
  creditOf(side: LineEnd, id: number): number {
    return this.#credit.get(this.#account(side, id)) ?? 0;
  }

  /** Opens a stream and hands over both of its ends. */
  async stream(header: Data = null): Promise<[ChannelStream, ChannelStream]> {
    const opening = this.dialler.streams.open(header);
    await this.flow();
    return [await opening, this.listener.arrived.at(-1)!.stream];
  }

  #carry(from: LineEnd, to: LineEnd, frames?: number): void {
    for (const frame of from.sent(frames)) {
      this.#audit(from, to, frame);
      to.receive(frame);
    }
  }

  #account(side: LineEnd, id: number): string {
    return `${side === this.dialler ? 'dialler' : 'listener'} ${id}`;
  }

  /** No side ever sends more than the other has given it credit for. */
  #audit(from: LineEnd, to: LineEnd, { kind, body }: Frame): void {
    const id = idOf(kind, body);
    const add = (side: LineEnd, bytes: number): void => {
      const account = this.#account(side, id);
      const rest = (this.#credit.get(account) ?? 0) + bytes;
      if (rest < 0) throw new Error(`the ${account} sends ${-rest} bytes more than it may`);
      this.#credit.set(account, rest);
    };
    if (kind === streamOpen) add(to, decodeStreamOpen(body).windowBytes);
    if (kind === streamCredit) add(to, decodeStreamCredit(body));
    if (kind === streamData) add(from, -(streamDataHeaderBytes + body.length - 4));
  }
}

/** Reads to the end. */
export async function readAll(stream: ChannelStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) pieces.push(bytes);
  return Buffer.concat(pieces);
}

/** Streams of one end that the other has taken, with more credit than any test uses. */
export async function openStreams(side: LineEnd, count: number): Promise<ChannelStream[]> {
  const openings = Array.from({ length: count }, () => side.streams.open(null));
  await turn();
  for (const { body } of side.sent()) side.receive(credit(idOf(streamOpen, body), 2 ** 30));
  return Promise.all(openings);
}

// The frames of a stream, as nobody in his right mind might send them.

export function open(id: number, windowBytes: number, header: Uint8Array = new Uint8Array(0)): Frame {
  return frame(streamOpen, id, Buffer.concat([uint32(windowBytes), header]));
}

export function data(id: number, length: number): Frame {
  return frame(streamData, id, new Uint8Array(length));
}

export function credit(id: number, bytes: number): Frame {
  return frame(streamCredit, id, uint32(bytes));
}

export function end(id: number): Frame {
  return frame(streamEnd, id);
}

export function abort(id: number): Frame {
  return frame(streamAbort, id, Buffer.from('{"code":"aborted","message":"by hand"}'));
}

function frame(kind: number, id: number, rest: Uint8Array = new Uint8Array(0)): Frame {
  const body = new Uint8Array(4 + rest.length);
  body.set(uint32(id));
  body.set(rest, 4);
  return { kind, format: PayloadFormat.bytes, compression: 0, body };
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
