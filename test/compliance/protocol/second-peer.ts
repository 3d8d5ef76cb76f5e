import { once } from 'node:events';
import type { Socket } from 'node:net';
import '../../support/look-over.ts';

export interface SecondFrame {
  readonly kind: number;
  readonly flags: number;
  readonly format: number;
  readonly compression: number;
  readonly body: Buffer;
}

export const kinds = {
  hello: 1,
  accept: 2,
  goodbye: 3,
  ping: 4,
  pong: 5,
  part: 6,
  acknowledge: 7,
  streamData: 8,
  streamCredit: 9,
  streamEnd: 10,
  streamAbort: 11,
  credit: 12,
  carry: 13,
  message: 16,
  deliver: 17,
  delivered: 18,
  request: 19,
  response: 20,
  failure: 21,
  streamOpen: 22,
  protocol: 23,
} as const;

/** A frame (clause 3.1), with a header that need not be true. */
export function frame(
  kind: number,
  content: string | Uint8Array = '',
  header: { flags?: number; format?: number; compression?: number; length?: number } = {},
): Buffer {
  const body = Buffer.from(content);
  const { flags = 0, format = 0, compression = 0, length = body.length } = header;
  return Buffer.concat([uint32(length), Buffer.of(kind, flags, format, compression), body]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A message of format 2. */
export function textMessage(text: string): Buffer {
  return frame(kinds.message, text, { format: 2 });
}

export const validHello = {
  versions: [1, 1],
  network: '',
  addresses: ['tls://0.0.0.0:12345'],
  name: 'second',
  instance: 'first run',
  maxMessageBytes: 2 ** 24,
  compressions: ['zlib'],
  windows: { messages: 2 ** 22, requests: 2 ** 22, protocols: 2 ** 22 },
  protocols: [],
};

export function hello(fields: Record<string, unknown> = {}): Buffer {
  return frame(kinds.hello, JSON.stringify({ ...validHello, ...fields }));
}

export class LinkEnded extends Error {}

/** One side of a link, byte by byte and frame by frame. */
export class SecondPeer {
  readonly socket: Socket;
  /** The id of the other side, once it has proven it. */
  remoteId = '';
  readonly #chunks: AsyncIterator<Buffer>;
  #arrived: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    this.#chunks = socket.iterator({ destroyOnReturn: false });
  }

  /** @throws LinkEnded when the other side ends the link first. */
  async read(length: number): Promise<Buffer> {
    while (this.#arrived.length < length) {
      const { value, done } = await this.#chunks.next().catch(() => ({ value: undefined, done: true }));
      if (done || value === undefined) throw new LinkEnded(`after ${this.#arrived.length} more bytes`);
      this.#arrived = Buffer.concat([this.#arrived, value]);
    }
    const bytes = this.#arrived.subarray(0, length);
    this.#arrived = this.#arrived.subarray(length);
    return bytes;
  }

  async next(): Promise<SecondFrame> {
    const header = await this.read(8);
    const [kind, flags, format, compression] = header.subarray(4) as Iterable<number> as [
      number,
      number,
      number,
      number,
    ];
    return { kind, flags, format, compression, body: await this.read(header.readUInt32BE(0)) };
  }

  /** The next frame, which must be of that kind. */
  async expect(kind: number): Promise<SecondFrame> {
    const next = await this.next();
    if (next.kind === kind) return next;
    throw new Error(`a frame of kind ${next.kind} in place of ${kind}: ${next.body.subarray(0, 300)}`);
  }

  write(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Clause 4.1, as the dialler. */
  async shakeHands(fields: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    this.write(hello(fields));
    const theirs = await this.expect(kinds.hello);
    await this.expect(kinds.accept);
    this.write(frame(kinds.accept));
    return JSON.parse(theirs.body.toString());
  }

  /** Clause 4.1, as the listener. */
  async answerHandshake(fields: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const theirs = await this.expect(kinds.hello);
    this.write(hello(fields), frame(kinds.accept));
    await this.expect(kinds.accept);
    return JSON.parse(theirs.body.toString());
  }

  /** The goodbye that ends the link; nothing may follow it (clause 7.3). */
  async goodbye(): Promise<{ code: string; message: string }> {
    const { body } = await this.expect(kinds.goodbye);
    await this.end();
    return JSON.parse(body.toString());
  }

  /** Resolves when the other side ends the link without another byte. */
  async end(): Promise<void> {
    const byte = await this.read(1).catch((error: unknown) => error);
    if (!(byte instanceof LinkEnded)) throw new Error('bytes where the link should end');
  }

  /** Everything written so far has been read by the other side. */
  async synced(): Promise<void> {
    this.write(frame(kinds.ping, uint32(4711)));
    await this.expect(kinds.pong);
  }

  async close(): Promise<void> {
    this.socket.destroy();
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}
