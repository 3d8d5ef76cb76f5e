import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Identity } from '../../../../src/identity/identity.ts';
import { proveDial, sha256 } from '../../../../src/transport/tcp/dial-proof.ts';
import { KnownCertificates } from '../../../../src/transport/tcp/known-certificates.ts';
import {
  FrameFlag,
  FrameKind,
  frameHeaderBytes,
  maxFrameBodyBytes,
  writeFrameHeader,
} from '../../../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../../../src/wire/frames/frame-reader.ts';
import { decodeGoodbye, type Goodbye } from '../../../../src/wire/frames/goodbye.ts';
import type { Hello } from '../../../../src/wire/frames/hello.ts';
import '../../../support/look-over.ts';

const sockets = new Set<Socket>();

/** A TCP connection with the victim. */
export function rawSocket(port: number): Socket {
  return tracked(connectTcp({ host: '127.0.0.1', port, noDelay: true }));
}

/** Ends what the tests have left open. */
export function destroySockets(): void {
  for (const socket of sockets) socket.destroy();
}

/** Ends a connection the rude way; one that is ending already Node.js would keep for ever. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** A socket that {@link destroySockets} ends. */
export function tracked<Kind extends Socket>(socket: Kind): Kind {
  sockets.add(socket);
  // An attacked node may well reset the connection.
  return socket.on('error', () => {}).once('close', () => sockets.delete(socket));
}

export interface FrameFields {
  readonly flags?: number;
  readonly format?: number;
  readonly compression?: number;
  /** What the header says; default the truth. */
  readonly length?: number;
}

/** A frame, with as many lies in it as wanted. */
export function rawFrame(kind: number, content: string | Uint8Array = '', fields: FrameFields = {}): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(header, 0, { kind, flags: 0, format: 0, compression: 0, length: body.length, ...fields });
  return Buffer.concat([header, body]);
}

/** The frames of a message, request or delivery of any length: in pieces, where it does not fit into one. */
export function rawFrames(kind: number, body: Uint8Array, fields: FrameFields = {}): Buffer[] {
  if (body.length <= maxFrameBodyBytes) return [rawFrame(kind, body, fields)];
  const pieceBytes = maxFrameBodyBytes - 4;
  const first = Buffer.concat([uint32(body.length), body.subarray(0, pieceBytes)]);
  const frames = [rawFrame(kind, first, { ...fields, flags: FrameFlag.more })];
  for (let at = pieceBytes; at < body.length; at += pieceBytes) {
    const flags = at + pieceBytes < body.length ? FrameFlag.more : 0;
    frames.push(rawFrame(FrameKind.part, body.subarray(at, at + pieceBytes), { flags }));
  }
  return frames;
}

/** Four bytes: the number that pairs a question with its answer, or the length of a cut message. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function helloWith(fields: Partial<Record<keyof Hello, unknown>> = {}): Buffer {
  const hello = {
    versions: [1, 1],
    network: '',
    addresses: [],
    name: 'raw',
    instance: 'raw',
    maxMessageBytes: 2 ** 24,
    compressions: ['none'],
    windows: { messages: 4_194_304, requests: 4_194_304, protocols: 4_194_304 },
    protocols: [],
    replace: false,
    ...fields,
  };
  return rawFrame(FrameKind.hello, JSON.stringify(hello));
}

/** What a dialler says first to a listener that shows this certificate, in DER. */
export function proofFor(certificate: Uint8Array, identity: Identity): Uint8Array {
  const dialled = new KnownCertificates().read(certificate);
  return proveDial(identity, { nonce: randomBytes(16), networkHash: sha256(Buffer.from('')), dialled });
}

/** A peer that speaks the protocol by hand, so that it can break it. */
export class RawPeer {
  readonly id: string;
  readonly socket: Socket;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #carrier: Socket;
  readonly #frames: Frame[] = [];
  #isClosed = false;
  #wake = Promise.withResolvers<void>();

  /** @param carrier the TCP connection under the TLS one. */
  constructor(socket: Socket, id: string, carrier = socket) {
    this.id = id;
    this.socket = socket;
    this.#carrier = carrier;
    const reader = new FrameReader(
      (kind, format, compression, body) => {
        this.#frames.push({ kind, format, compression, body });
        this.#notify();
      },
      { maxMessageBytes: 2 ** 26 },
    );
    socket.on('data', (bytes) => reader.push(bytes));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#notify();
        resolve();
      });
    });
  }

  /** Authenticates over TLS, and says nothing yet. */
  static async dial(port: number, identity: Identity = Identity.generate()): Promise<RawPeer> {
    const peer = await RawPeer.openTls(port, identity);
    peer.write(proofFor((peer.socket as TLSSocket).getPeerX509Certificate()!.raw, identity));
    return peer;
  }

  /** Speaks TLS, and proves nothing yet. */
  static async openTls(port: number, identity: Identity = Identity.generate()): Promise<RawPeer> {
    const carrier = rawSocket(port);
    const options = { rejectUnauthorized: false, ALPNProtocols: ['peerloom'] };
    const socket = tracked(connectTls({ socket: carrier, ...options }));
    const cut = once(socket, 'close').then(() =>
      assert.fail('the connection closed during the TLS handshake'),
    );
    await Promise.race([once(socket, 'secureConnect'), cut]);
    return new RawPeer(socket, identity.id, carrier);
  }

  /** Goes through the whole handshake. */
  static async connect(
    port: number,
    hello: Partial<Record<keyof Hello, unknown>> = {},
    identity?: Identity,
  ): Promise<RawPeer> {
    const peer = await RawPeer.dial(port, identity);
    await peer.greet(hello);
    return peer;
  }

  /** Exchanges hello and accept. */
  async greet(hello: Partial<Record<keyof Hello, unknown>> = {}): Promise<void> {
    this.write(helloWith(hello));
    await this.next(FrameKind.hello);
    await this.next(FrameKind.accept);
    this.write(rawFrame(FrameKind.accept));
  }

  write(...frames: Uint8Array[]): void {
    this.socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }

  /** Writes when the system takes it. */
  async writeAll(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed || this.socket.write(bytes)) return;
    await Promise.race([new Promise((resolve) => this.socket.once('drain', resolve)), this.closed]);
  }

  /** Ends the connection the rude way. */
  reset(): void {
    reset(this.#carrier);
  }

  /** Reads nothing from now on. */
  turnDeaf(): void {
    this.socket.pause();
  }

  /** The next frame of that kind, whatever comes before it. */
  async next(kind: number): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame?.kind === kind) return frame;
      if (frame !== undefined) continue;
      if (this.#isClosed) throw new Error(`the connection closed before a frame of kind ${kind}`);
      await this.#wake.promise;
    }
  }

  /** Resolves when everything that was written has been read by the other side. */
  async synced(): Promise<void> {
    this.write(rawFrame(FrameKind.ping, uint32(4711)));
    await this.next(FrameKind.pong);
  }

  /** The reason that the other side gives before it closes the connection. */
  async goodbye(): Promise<Goodbye> {
    const { body } = await this.next(FrameKind.goodbye);
    await this.closed;
    return decodeGoodbye(body);
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
