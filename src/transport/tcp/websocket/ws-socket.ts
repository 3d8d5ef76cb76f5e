import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { PeerloomError } from '../../../base/errors.ts';
import type { Runtime } from '../../../base/runtime.ts';
import type { MessageSocket, SocketEnd } from '../../websocket/message-socket.ts';
import { maxSealedBytes } from '../../websocket/records.ts';
import { FairTurns } from './fair-turns.ts';

/** A browser or a proxy may cut a message into so many fragments. */
const maxFragments = 256;

/** Pieces of TCP that may make up a frame. */
const maxBufferedChunks = 1_024;

/** What every WebSocket of Node.js is told: limits that hold before anything is kept. */
export const wsLimits = {
  perMessageDeflate: false,
  maxPayload: maxSealedBytes,
  maxFragments,
  maxBufferedChunks,
  autoPong: false,
  skipUTF8Validation: true,
} as const;

/** Bytes from the network, in whole pieces, in which no message ends: a message in so many fragments. */
const maxBytesWithoutMessage = 256 * 1024;

/** Pings and pongs that the other side may send at once. */
const maxPings = 32;

/** It may send one more each time that so many milliseconds have passed. */
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

  /** @param carrier what carries it. */
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
    // The first of these runs before, and the last after everything that was read has been taken.
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
