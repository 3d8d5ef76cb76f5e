import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { newIdentity, type SecondIdentity } from './second-identity.ts';
import { noiseProof, provenId, type SecondCipher, SecondNoise } from './second-noise.ts';

// A second implementation of clauses 16.x, written from docs/protocol.md: nothing here imports src.

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
export const recordKinds = { data: 0, credit: 1, end: 2 } as const;
export const subprotocols = ['peerloom.1.aesgcm', 'peerloom.1.chachapoly'] as const;

export interface OpenOptions {
  readonly offered?: readonly string[];
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WebSocketFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The cipher of a subprotocol. */
export function cipherOf(subprotocol: string): SecondCipher {
  return subprotocol === 'peerloom.1.aesgcm' ? 'AESGCM' : 'ChaChaPoly';
}

/** What opens a WebSocket. */
export function requestOf({ offered = subprotocols, path = '/', headers = {} }: OpenOptions = {}): string {
  const all = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Protocol': offered.join(', '),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A frame of a client (RFC 6455, section 5.2), with a header that need not be true. */
export function clientFrame(
  opcode: number,
  payload: Uint8Array = new Uint8Array(0),
  { isLast = true, isMasked = true, length = payload.length } = {},
): Buffer {
  const first = (isLast ? 0x80 : 0) | opcode;
  const mask = isMasked ? 0x80 : 0;
  const header =
    length < 126
      ? Buffer.of(first, mask | length)
      : length < 65_536
        ? Buffer.of(first, mask | 126, length >> 8, length & 0xff)
        : Buffer.concat([Buffer.of(first, mask | 127), uint64(length)]);
  if (!isMasked) return Buffer.concat([header, payload]);
  const key = randomBytes(4);
  return Buffer.concat([header, key, masked(payload, key)]);
}

function masked(bytes: Uint8Array, key: Uint8Array): Buffer {
  return Buffer.from(bytes.map((byte, at) => byte ^ key[at % 4]!));
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** The head of an HTTP message, and what came behind it. */
async function headOf(carrier: Socket): Promise<{ head: string; rest: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0);
  while (!bytes.includes('\r\n\r\n')) {
    const [piece] = (await Promise.race([once(carrier, 'data'), once(carrier, 'close')])) as [
      Buffer | boolean,
    ];
    if (!Buffer.isBuffer(piece)) throw new Error(`closed after: ${bytes}`);
    bytes = Buffer.concat([bytes, piece]);
  }
  const end = bytes.indexOf('\r\n\r\n') + 4;
  return { head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end) };
}

/** One side of a WebSocket, frame by frame. */
export class SecondWebSocket {
  readonly carrier: Socket;
  readonly offered: readonly string[];
  /** What the listener chose. */
  readonly chosen: string;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #frames: WebSocketFrame[] = [];
  #arrived: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  #isClosed = false;
  #onFrame: ((frame: WebSocketFrame) => void) | undefined;

  readonly #isClient: boolean;

  private constructor(
    carrier: Socket,
    {
      offered,
      chosen,
      rest,
      isClient,
    }: { offered: readonly string[]; chosen: string; rest: Buffer; isClient: boolean },
  ) {
    this.#isClient = isClient;
    this.carrier = carrier;
    this.offered = offered;
    this.chosen = chosen;
    this.closed = new Promise((resolve) => {
      carrier.once('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
    carrier.on('data', (bytes) => this.#take(bytes));
    this.#take(rest);
  }

  /** @throws Error with the answer if it is none that opens a WebSocket. */
  static async open(port: number, options: OpenOptions = {}): Promise<SecondWebSocket> {
    const carrier = connect({ host: '127.0.0.1', port, noDelay: true }).on('error', () => {});
    carrier.write(requestOf(options));
    const { head, rest } = await headOf(carrier);
    const accept = acceptOf('AAAAAAAAAAAAAAAAAAAAAA==');
    if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(accept)) {
      carrier.destroy();
      throw new Error(`${head}${rest}`);
    }
    if (/^Sec-WebSocket-Extensions:/im.test(head)) throw new Error('an extension that nobody asked for');
    const chosen = /^Sec-WebSocket-Protocol: (.*)\r$/im.exec(head)?.[1] ?? '';
    const offered = options.offered ?? subprotocols;
    return new SecondWebSocket(carrier, { offered, chosen, rest, isClient: true });
  }

  /** As the listener, which chooses what `choose` returns. */
  static async accept(
    carrier: Socket,
    choose = (offered: readonly string[]): string => offered[0]!,
  ): Promise<SecondWebSocket> {
    carrier.on('error', () => {});
    const { head, rest } = await headOf(carrier);
    const field = (name: string): string => new RegExp(`^${name}: (.*)\r$`, 'im').exec(head)![1]!;
    const offered = field('Sec-WebSocket-Protocol').split(/, */);
    const chosen = choose(offered);
    const accept = acceptOf(field('Sec-WebSocket-Key'));
    carrier.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${chosen}\r\n\r\n`,
    );
    return new SecondWebSocket(carrier, { offered, chosen, rest, isClient: false });
  }

  /** Sends one frame. */
  send(opcode: number, payload?: Uint8Array, header?: Parameters<typeof clientFrame>[2]): void {
    this.carrier.write(clientFrame(opcode, payload, { isMasked: this.#isClient, ...header }));
  }

  /** The next frame. @throws Error when the connection ends first. */
  async next(): Promise<WebSocketFrame> {
    while (this.#frames.length === 0) {
      if (this.#isClosed) throw new Error('the WebSocket has ended');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift()!;
  }

  /** The next message. @throws Error if it is another frame than one that holds a whole binary message. */
  async message(): Promise<Buffer> {
    const { opcode, payload } = await this.next();
    if (opcode === opcodes.binary) return payload;
    throw new Error(`a frame of opcode ${opcode} in place of a message: ${payload.toString('hex')}`);
  }

  /** From now on each frame goes there. */
  handTo(onFrame: (frame: WebSocketFrame) => void): void {
    this.#onFrame = onFrame;
    for (const frame of this.#frames.splice(0)) onFrame(frame);
  }

  #take(bytes: Buffer): void {
    this.#arrived = Buffer.concat([this.#arrived, bytes]);
    for (;;) {
      if (this.#arrived.length < 2) return;
      const short = this.#arrived[1]! & 0x7f;
      const maskAt = short < 126 ? 2 : short === 126 ? 4 : 10;
      const headerBytes = maskAt + ((this.#arrived[1]! & 0x80) === 0 ? 0 : 4);
      if (this.#arrived.length < headerBytes) return;
      const length =
        short < 126
          ? short
          : short === 126
            ? this.#arrived.readUInt16BE(2)
            : Number(this.#arrived.readBigUInt64BE(2));
      if (this.#arrived.length < headerBytes + length) return;
      const mask = this.#arrived.subarray(maskAt, headerBytes);
      const payload = this.#arrived.subarray(headerBytes, headerBytes + length);
      const opcode = this.#arrived[0]! & 0x0f;
      const frame = { opcode, payload: mask.length === 0 ? payload : masked(payload, mask) };
      this.#arrived = this.#arrived.subarray(headerBytes + length);
      if (this.#onFrame !== undefined) this.#onFrame(frame);
      else this.#frames.push(frame);
      this.#wake();
    }
  }
}

/** A link over a WebSocket (16.8 to 16.11), as a stream of bytes, and record by record. */
export class SecondWebSocketLink {
  readonly webSocket: SecondWebSocket;
  readonly #noise: SecondNoise;
  /** What arrives of data. */
  readonly stream: Duplex;
  /** Whether the other side has sent its end. */
  hasEnded = false;
  /** Whether data that arrives is given back as credit. */
  givesCredit = true;
  /** Called with each frame but those that carry records. */
  onControlFrame: (frame: WebSocketFrame) => void = () => {};
  credit = 1_048_576;
  /** What arrived of data, by its cost. */
  receivedCost = 0;
  #owed = 0;

  constructor(webSocket: SecondWebSocket, noise: SecondNoise) {
    this.webSocket = webSocket;
    this.#noise = noise;
    this.stream = new Duplex({
      read() {},
      write: (bytes: Buffer, _encoding, done) => {
        for (let at = 0; at < bytes.length; at += 65_518)
          this.record(recordKinds.data, bytes.subarray(at, at + 65_518));
        done();
      },
      final: (done) => {
        this.record(recordKinds.end);
        this.webSocket.send(opcodes.close, Buffer.of(0x03, 0xe8));
        done();
      },
      destroy: (error, done) => {
        this.webSocket.carrier.destroy();
        done(error);
      },
    });
    webSocket.carrier.once('close', () => this.stream.destroy());
    webSocket.handTo((frame) => {
      const { opcode, payload } = frame;
      if (opcode !== opcodes.binary) this.onControlFrame(frame);
      if (opcode === opcodes.close && !this.stream.writableEnded) this.stream.end();
      if (opcode === opcodes.binary) this.#take(noise.open(payload));
    });
  }

  /** Sends a record. */
  record(kind: number, content: Uint8Array = new Uint8Array(0)): void {
    if (kind === recordKinds.data) this.credit -= content.length + 256;
    this.webSocket.send(opcodes.binary, this.#noise.seal(Buffer.concat([Buffer.of(kind), content])));
  }

  #take(record: Buffer): void {
    const content = record.subarray(1);
    if (record[0] === recordKinds.data) {
      this.receivedCost += content.length + 256;
      this.#owed += content.length + 256;
      this.stream.push(content);
      if (this.#owed < 65_536 || !this.givesCredit) return;
      this.record(recordKinds.credit, uint32(this.#owed));
      this.#owed = 0;
    } else if (record[0] === recordKinds.credit) {
      this.credit += content.readUInt32BE(0);
    } else {
      this.hasEnded = true;
      this.stream.push(null);
    }
  }
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** The prologue (16.5). */
export function prologueOf({ offered, chosen }: Pick<SecondWebSocket, 'offered' | 'chosen'>): Buffer {
  return Buffer.from(`peerloom websocket 1\n${offered.join(',')}\n${chosen}`);
}

export interface DialNoiseOptions {
  readonly identity?: SecondIdentity;
  readonly network?: string;
  readonly psk?: Uint8Array | undefined;
}

/** The handshake of Noise as the dialler (16.5, 16.6). */
export async function dialNoise(
  webSocket: SecondWebSocket,
  { identity = newIdentity(), network = '', psk }: DialNoiseOptions = {},
): Promise<{ link: SecondWebSocketLink; remoteId: string; identity: SecondIdentity }> {
  const cipher = cipherOf(webSocket.chosen);
  const noise = new SecondNoise({ role: 'initiator', cipher, prologue: prologueOf(webSocket), psk });
  webSocket.send(opcodes.binary, noise.write());
  const remoteId = provenId(noise.read(await webSocket.message()), noise);
  const networkHash = createHash('sha256').update(network).digest();
  webSocket.send(opcodes.binary, noise.write(Buffer.concat([noiseProof(identity, noise), networkHash])));
  return { link: new SecondWebSocketLink(webSocket, noise), remoteId, identity };
}

/** The handshake of Noise as the listener. */
export async function acceptNoise(
  webSocket: SecondWebSocket,
  { identity = newIdentity(), psk }: DialNoiseOptions = {},
): Promise<{ link: SecondWebSocketLink; remoteId: string; networkHash: Buffer; identity: SecondIdentity }> {
  const cipher = cipherOf(webSocket.chosen);
  const noise = new SecondNoise({ role: 'responder', cipher, prologue: prologueOf(webSocket), psk });
  noise.read(await webSocket.message());
  webSocket.send(opcodes.binary, noise.write(noiseProof(identity, noise)));
  const payload = noise.read(await webSocket.message());
  const remoteId = provenId(payload, noise);
  return {
    link: new SecondWebSocketLink(webSocket, noise),
    remoteId,
    networkHash: payload.subarray(96),
    identity,
  };
}
