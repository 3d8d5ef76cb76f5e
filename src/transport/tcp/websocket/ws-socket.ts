import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { PeerloomError } from '../../../base/errors.ts';
import { LoopTurns } from '../../../base/loop-turns.ts';
import type { Runtime } from '../../../base/runtime.ts';
import type { MessageSocket, SocketEnd } from '../../websocket/message-socket.ts';
import { maxSealedBytes } from '../../websocket/records.ts';

/** What every WebSocket of Node.js is told: limits that hold before anything is kept. */
export const wsLimits = {
  perMessageDeflate: false,
  maxPayload: maxSealedBytes,
  /** A browser or a proxy may cut messages, but not into crumbs. */
  maxFragments: 256,
  /** Pieces of TCP that make up a frame. */
  maxBufferedChunks: 1_024,
  autoPong: false,
  skipUTF8Validation: true,
} as const;

/** Bytes from the network without a whole message among them: a message in so many fragments, and what Node.js reads at once. */
const maxBytesWithoutMessage = 4 * maxSealedBytes;

/** Pings and pongs that the other side may send at once. */
const maxPings = 32;

/** It may send one more each time that so many milliseconds have passed. */
const pingEveryMs = 1_000;

/** A socket that has read for so long stops reading until its own turn. */
const shareMs = 5;

/** A WebSocket of the package ws. */
export class WsSocket implements MessageSocket {
  onMessage: (message: Uint8Array) => void = () => {};
  onEnd: (end: SocketEnd) => void = () => {};
  readonly #webSocket: WebSocket;
  readonly #runtime: Runtime;
  readonly #turns: LoopTurns;
  #error: Error | undefined;
  #bytesWithoutMessage = 0;
  #pingsLeft = maxPings;
  #pingsRefilledAtMs: number;
  #readingSinceMs = 0;
  #readUntilMs = 0;
  #spentMs = 0;

  /** @param carrier what carries it. */
  constructor(webSocket: WebSocket, carrier: Socket, runtime: Runtime) {
    this.#webSocket = webSocket;
    this.#runtime = runtime;
    this.#turns = LoopTurns.of(runtime);
    this.#pingsRefilledAtMs = runtime.now();
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
      this.#turns.leave(this.#goOn);
      this.onEnd({ code, error: this.#error });
    });
    // The first listener runs before, and the last after everything that was read has been delivered.
    carrier.prependListener('data', () => {
      this.#readingSinceMs = runtime.now();
    });
    carrier.on('data', ({ length }: Buffer) => this.#hasRead(length));
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.send(message, () => {});
  }

  close(code: number): void {
    this.#webSocket.close(code);
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#webSocket.terminate();
  }

  #take(message: Buffer, isBinary: boolean): void {
    this.#bytesWithoutMessage = 0;
    if (this.#error !== undefined) return;
    if (isBinary) this.onMessage(message);
    else this.destroy(new PeerloomError('ERR_PROTOCOL', 'the other side sent a text message'));
  }

  /** Whether the other side may ping this often. */
  #countPing(): boolean {
    const nowMs = this.#runtime.now();
    const refilled = (nowMs - this.#pingsRefilledAtMs) / pingEveryMs;
    this.#pingsLeft = Math.min(maxPings, this.#pingsLeft + refilled) - 1;
    this.#pingsRefilledAtMs = nowMs;
    if (this.#pingsLeft >= 0) return true;
    this.destroy(new PeerloomError('ERR_PROTOCOL', 'the other side sends pings of WebSocket in a loop'));
    return false;
  }

  /** Node.js reads up to 2 MiB from a socket before it looks at the next one, and tiny records take long. */
  #hasRead(bytes: number): void {
    this.#bytesWithoutMessage += bytes;
    if (this.#bytesWithoutMessage > maxBytesWithoutMessage) {
      this.destroy(new PeerloomError('ERR_PROTOCOL', 'the other side sends frames that make up no message'));
      return;
    }
    const nowMs = this.#runtime.now();
    if (this.#readingSinceMs - this.#readUntilMs >= shareMs) this.#spentMs = 0;
    this.#spentMs += nowMs - this.#readingSinceMs;
    this.#readUntilMs = nowMs;
    if (this.#spentMs < shareMs || this.#webSocket.isPaused) return;
    this.#webSocket.pause();
    this.#turns.wait(this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#spentMs = 0;
    this.#webSocket.resume();
  };
}
