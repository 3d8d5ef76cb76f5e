import { PeerloomError } from '../../base/errors.ts';
import { free } from '../../wire/frames/memory.ts';
import type { CipherState } from '../noise/cipher-state.ts';
import type { NoiseSession } from '../noise/noise-handshake.ts';
import { WebCryptoCipher } from '../noise/web-crypto-cipher.ts';
import type { MessageSocket, SocketEnd } from './message-socket.ts';
import { windowBytes } from './records.ts';

/** The callbacks of a link for what arrives over its WebSocket. */
export interface RecordHandlers {
  /** A record was opened. The function owns its memory. */
  readonly onRecord: (record: Uint8Array) => void;
  /** A record cannot be opened or sealed. Nothing follows. */
  readonly onBroken: (cause: unknown) => void;
  /** Called once, after all records. */
  readonly onEnd: (end: SocketEnd) => void;
}

/** A WebSocket whose messages are sealed records. They are sent and delivered in order. */
export interface SealedSocket {
  /** Bytes that it was given and has not passed on yet. */
  readonly bufferedBytes: number;
  /** The {@link bufferedBytes} at which a link over it is full: more than `creditStepBytes`. */
  readonly highWaterBytes: number;
  /** Sends a record. Its memory may be reused immediately. */
  send(record: Uint8Array): void;
  /** Takes a message that arrived before the socket was handed over. */
  receive(sealed: Uint8Array): void;
  /** The socket had ended before it was handed over. */
  end(end: SocketEnd): void;
  /** Begins the closing handshake, after everything that was sent before. */
  close(code: number): void;
  /** Ends it immediately. No more records are delivered. */
  destroy(): void;
}

/** Uses WebCrypto in pages that have it and agreed on its cipher. Otherwise records are sealed synchronously. */
export function sealedSocketOf(
  socket: MessageSocket,
  { sending, receiving }: Pick<NoiseSession, 'sending' | 'receiving'>,
  handlers: RecordHandlers,
): SealedSocket {
  if (sending instanceof WebCryptoCipher || receiving instanceof WebCryptoCipher) {
    const ciphers = { sending, receiving } as CiphersOf<WebCryptoCipher>; // both are of one kind
    return new SocketSealedLater(socket, ciphers, handlers);
  }
  return new SocketSealedAtOnce(socket, { sending, receiving }, handlers);
}

interface CiphersOf<Cipher> {
  readonly sending: Cipher;
  readonly receiving: Cipher;
}

/** Two chunks keep the socket busy, and a ping waits for no more. */
export const highWaterBytes = 128 * 1024;

/** While WebCrypto seals two chunks, the socket must have other chunks to pass on. */
const highWaterBytesLater = 512 * 1024;

class SocketSealedAtOnce implements SealedSocket {
  readonly highWaterBytes = highWaterBytes;
  readonly #socket: MessageSocket;
  readonly #ciphers: CiphersOf<CipherState>;
  readonly #handlers: RecordHandlers;
  #isOver = false;

  constructor(socket: MessageSocket, ciphers: CiphersOf<CipherState>, handlers: RecordHandlers) {
    this.#socket = socket;
    this.#ciphers = ciphers;
    this.#handlers = handlers;
    socket.onMessage = (sealed) => this.receive(sealed);
    socket.onEnd = handlers.onEnd;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes;
  }

  send(record: Uint8Array): void {
    const sealed = this.#ciphers.sending.seal(record);
    this.#socket.send(sealed, () => free(sealed));
  }

  receive(sealed: Uint8Array): void {
    if (this.#isOver) return;
    let record: Uint8Array;
    try {
      record = this.#ciphers.receiving.open(sealed);
    } catch (cause) {
      this.#isOver = true;
      this.#handlers.onBroken(cause);
      return;
    }
    free(sealed);
    this.#handlers.onRecord(record);
  }

  end(end: SocketEnd): void {
    this.#handlers.onEnd(end);
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }
}

/** The most bytes that may wait to be opened. Within its credit, the other side cannot send that much. */
const maxUnopenedBytes = 2 * windowBytes;

/** Seals and opens several records at a time. Two queues keep their order. */
export class SocketSealedLater implements SealedSocket {
  readonly highWaterBytes = highWaterBytesLater;
  readonly #socket: MessageSocket;
  readonly #sending: WebCryptoCipher;
  readonly #receiving: WebCryptoCipher;
  readonly #handlers: RecordHandlers;
  #unsealedBytes = 0;
  #unopenedBytes = 0;
  /** Settle when all records so far were given to the socket, and when all were delivered. */
  #sent: Promise<void> = Promise.resolve();
  #received: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(socket: MessageSocket, ciphers: CiphersOf<WebCryptoCipher>, handlers: RecordHandlers) {
    this.#socket = socket;
    this.#sending = ciphers.sending;
    this.#receiving = ciphers.receiving;
    this.#handlers = handlers;
    socket.onMessage = (sealed) => this.receive(sealed);
    socket.onEnd = (end) => this.end(end);
  }

  get bufferedBytes(): number {
    return this.#unsealedBytes + this.#socket.bufferedBytes;
  }

  send(record: Uint8Array): void {
    const { length } = record;
    this.#unsealedBytes += length;
    this.#sent = this.#inTurn(this.#sent, this.#sending.seal(record), (sealed) => {
      this.#unsealedBytes -= length;
      this.#socket.send(sealed);
    });
  }

  receive(sealed: Uint8Array): void {
    if (this.#isOver) return;
    const { length } = sealed;
    this.#unopenedBytes += length;
    if (this.#unopenedBytes > maxUnopenedBytes) {
      this.#break(new PeerloomError('ERR_PROTOCOL', 'the other side sent more than its credit allows'));
      return;
    }
    this.#received = this.#inTurn(this.#received, this.#receiving.open(sealed), (record) => {
      this.#unopenedBytes -= length;
      this.#handlers.onRecord(record);
    });
  }

  end(end: SocketEnd): void {
    this.#received = this.#received.then(() => this.#handlers.onEnd(end));
  }

  close(code: number): void {
    this.#sent = this.#sent.then(() => this.#socket.close(code));
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  /** Uses a record once it is ready, after all records before it. */
  async #inTurn(
    before: Promise<void>,
    record: Promise<Uint8Array>,
    work: (record: Uint8Array) => void,
  ): Promise<void> {
    record.catch(() => {}); // it may fail before its turn
    await before;
    if (this.#isOver) return;
    let made: Uint8Array;
    try {
      made = await record;
    } catch (cause) {
      this.#break(cause);
      return;
    }
    if (!this.#isOver) work(made);
  }

  #break(cause: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handlers.onBroken(cause);
  }
}
