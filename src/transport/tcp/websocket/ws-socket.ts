import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { PeerloomError } from '../../../base/errors.ts';
import type { Runtime } from '../../../base/runtime.ts';
import type { MessageSocket, SocketEnd } from '../../websocket/message-socket.ts';
import { maxSealedBytes } from '../../websocket/records.ts';
import { FairTurns } from './fair-turns.ts';

/** How many fragments a browser or a proxy may split a message into. */
const maxFragments = 256;

/** How many TCP pieces may make up a frame. */
const maxBufferedChunks = 1_024;

/** Options of every WebSocket of Node.js: limits that apply before anything is kept. */
export const wsLimits = {
  perMessageDeflate: false,
  maxPayload: maxSealedBytes,
  maxFragments,
  maxBufferedChunks,
  autoPong: false,
  skipUTF8Validation: true,
} as const;

/** How many bytes may arrive without the end of a message. */
const maxBytesWithoutMessage = 256 * 1024;

/** How many pings and pongs the other side may send in a burst. */
const maxPings = 32;

/** It may send one more after each such time, in milliseconds. */
const pingEveryMs = 1_000;

/** A WebSocket of the package ws. */
export class WsSocket implements MessageSocket {
  onMessage: (message: Uint8Array) => void = () => {};
  onEnd: (end: SocketEnd) => void = () => {};
  readonly #webSocket: WebSocket;
  readonly #runtime: Runtime;
  readonly #turns: FairTurns;
  #error: Error | undefined;
  #bytesWithoutMessage = 0;
  #pingsLeft = maxPings;
  #pingsRefilledAtMs: number;

  /** @param carrier the socket that carries it. */
  constructor(webSocket: WebSocket, carrier: Socket, runtime: Runtime) {
    this.#webSocket = webSocket;
    this.#runtime = runtime;
    this.#pingsRefilledAtMs = runtime.now();
    this.#turns = new FairTurns({
      source: webSocket,
      runtime,
      deliver: (message) => {
        if (this.#error === undefined) this.onMessage(message);
      },
    });
    webSocket.on('message', (message: Buffer, isBinary) => this.#take(message, isBinary));
    webSocket.on('ping', (data: Buffer) => {
      if (this.#countPing()) webSocket.pong(data, undefined, () => {});
    });
    webSocket.on('pong', () => this.#countPing());
    webSocket.on('error', (cause) => {
      this.#error ??= new PeerloomError('ERR_PROTOCOL', `its WebSocket is wrong: ${cause.message}`, {
        cause,
      });
    });
    webSocket.on('close', (code) => {
      this.#turns.end(() => this.onEnd({ code, error: this.#error }));
    });
    // The first listener runs before the package's own, the last after everything that was read was delivered.
    carrier.prependListener('data', ({ length }: Buffer) => {
      this.#bytesWithoutMessage += length;
      this.#turns.begin();
    });
    carrier.on('data', () => this.#hasRead());
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(message: Uint8Array, sent?: () => void): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#webSocket.send(message, (error) => {
      if (error === undefined || error === null) sent?.();
    });
  }

  close(code: number): void {
    this.#webSocket.close(code);
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#turns.drop();
    this.#webSocket.terminate();
  }

  #take(message: Buffer, isBinary: boolean): void {
    this.#bytesWithoutMessage = 0;
    if (this.#error !== undefined) return;
    if (isBinary) this.#turns.take(message);
    else this.destroy(new PeerloomError('ERR_PROTOCOL', 'the other side sent a text message'));
  }

  /** Whether the other side may ping this often. */
  #countPing(): boolean {
    if (this.#error !== undefined) return false;
    const nowMs = this.#runtime.now();
    const refilled = (nowMs - this.#pingsRefilledAtMs) / pingEveryMs;
    this.#pingsLeft = Math.min(maxPings, this.#pingsLeft + refilled) - 1;
    this.#pingsRefilledAtMs = nowMs;
    if (this.#pingsLeft >= 0) return true;
    this.destroy(new PeerloomError('ERR_PROTOCOL', 'the other side sends pings of WebSocket in a loop'));
    return false;
  }

  #hasRead(): void {
    if (this.#error === undefined && this.#bytesWithoutMessage > maxBytesWithoutMessage) {
      this.destroy(new PeerloomError('ERR_PROTOCOL', 'the other side sends frames that make up no message'));
      return;
    }
    this.#turns.pieceRead();
  }
}
