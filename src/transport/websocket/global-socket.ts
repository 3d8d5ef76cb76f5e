import { type Address, formatAddress } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import { urlOf } from './address.ts';
import { MessageQueue, type MessageSocket, type SocketEnd } from './message-socket.ts';

/** The code of an end without a closing handshake (RFC 6455, section 7.4.1). */
const abnormalCode = 1006;

/** A socket, its messages from the first moment on, and the subprotocol that the other side chose. */
export interface OpenedSocket {
  readonly socket: MessageSocket;
  readonly messages: MessageQueue;
  readonly chosen: string;
}

/**
 * Opens a WebSocket by the class that browsers, Deno, Bun and Node.js have.
 *
 * @throws PeerloomError `ERR_CONNECTION_REFUSED` for every failure, because browsers do not tell pages the cause; the
 * signal's reason.
 */
export function openGlobalSocket(
  address: Address,
  offered: readonly string[],
  signal: AbortSignal,
): Promise<OpenedSocket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const webSocket = new WebSocket(urlOf(address), [...offered]);
    webSocket.binaryType = 'arraybuffer';
    const onAbort = (): void => {
      reject(signal.reason);
      webSocket.close();
    };
    const onFailure = (): void => reject(refused(address));
    signal.addEventListener('abort', onAbort);
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    webSocket.addEventListener('open', () => {
      webSocket.removeEventListener('close', onFailure);
      settled();
      const socket = new GlobalSocket(webSocket);
      resolve({ socket, messages: new MessageQueue(socket), chosen: webSocket.protocol });
    });
    webSocket.addEventListener('close', settled);
    webSocket.addEventListener('close', onFailure);
    // Without a listener, Node.js would treat it as an unhandled error.
    webSocket.addEventListener('error', () => {});
  });
}

function refused(address: Address): PeerloomError {
  const message = `nothing answers at ${formatAddress(address)}, or not as a WebSocket: start that node first, check the port, and check that the node accepts websocket and this page's origin`;
  return new PeerloomError('ERR_CONNECTION_REFUSED', message);
}

class GlobalSocket implements MessageSocket {
  onMessage: (message: Uint8Array) => void = () => {};
  onEnd: (end: SocketEnd) => void = () => {};
  readonly #webSocket: WebSocket;
  #hasEnded = false;

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.addEventListener('message', ({ data }) => {
      if (this.#hasEnded) return;
      if (data instanceof ArrayBuffer) this.onMessage(new Uint8Array(data));
      else this.destroy(new PeerloomError('ERR_PROTOCOL', 'the other side sent a text message'));
    });
    webSocket.addEventListener('close', ({ code }) => this.#end({ code }));
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  /** The WebSocket has copied the message when its `send` returns. */
  send(message: Uint8Array, sent?: () => void): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.#webSocket.send(message as Uint8Array<ArrayBuffer>);
    sent?.();
  }

  close(code: number): void {
    this.#webSocket.close(code);
  }

  /** Ends this side. A browser keeps the connection until the other side has answered. */
  destroy(error?: Error): void {
    this.#webSocket.close();
    queueMicrotask(() => this.#end({ code: abnormalCode, error }));
  }

  #end(end: SocketEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.onEnd(end);
  }
}
