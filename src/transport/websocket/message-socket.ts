import { PeerloomError } from '../../base/errors.ts';

/** How a WebSocket ended. */
export interface SocketEnd {
  /** The code of RFC 6455, section 7.4; 1006 if there was no closing handshake. */
  readonly code: number;
  readonly error?: Error | undefined;
}

/** An open WebSocket of any runtime, which carries binary messages. */
export interface MessageSocket {
  /** Bytes that it was given and has not passed on yet. */
  readonly bufferedBytes: number;
  /** The memory of the message belongs to the function. */
  onMessage: (message: Uint8Array) => void;
  /** Called once. */
  onEnd: (end: SocketEnd) => void;
  /** The socket calls `sent` when it no longer needs the memory: never after it has failed or was destroyed. */
  send(message: Uint8Array, sent?: () => void): void;
  /** Begins the closing handshake, after everything that was sent before. */
  close(code: number): void;
  /** Ends it immediately, or as soon as the runtime can. */
  destroy(error?: Error): void;
}

/** How many messages may wait. A dialler may send its first records directly after the handshake. */
const maxWaitingMessages = 16;

/** Returns the messages of a socket one by one, during the handshake. */
export class MessageQueue {
  #arrived: Uint8Array[] = [];
  #end: SocketEnd | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: MessageSocket) {
    socket.onMessage = (message) => {
      this.#arrived.push(message);
      if (this.#arrived.length > maxWaitingMessages) {
        socket.destroy(new PeerloomError('ERR_HANDSHAKE', 'it sent more than the handshake has'));
      }
      this.#wake?.();
    };
    socket.onEnd = (end) => {
      this.#end = end;
      this.#wake?.();
    };
  }

  /** @throws PeerloomError `ERR_CONNECTION_CLOSED`, whose cause is a {@link ClosedWith}. */
  async next(): Promise<Uint8Array> {
    await this.#until(() => this.#arrived.length > 0);
    return this.#arrived.shift()!;
  }

  /** Resolves with the value, unless the socket ends first. @throws as {@link MessageQueue.next}. */
  async unlessEnded<Value>(value: Value | Promise<Value>): Promise<Value> {
    if (!(value instanceof Promise)) return value;
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
      this.#wake?.();
    };
    value.then(settled, settled);
    await this.#until(() => isSettled);
    return value;
  }

  /** Ends the queue. Returns what has arrived since. */
  handOver(): { readonly arrived: readonly Uint8Array[]; readonly end: SocketEnd | undefined } {
    return { arrived: this.#arrived, end: this.#end };
  }

  async #until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      if (this.#end !== undefined) throw closedDuringHandshake(this.#end);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** The code with which the other side closed a socket. */
export class ClosedWith extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`the WebSocket was closed with the code ${code}`);
    this.code = code;
  }
}

function closedDuringHandshake({ code, error }: SocketEnd): PeerloomError {
  if (error instanceof PeerloomError) return error;
  return new PeerloomError(
    'ERR_CONNECTION_CLOSED',
    'the other side closed the connection during the handshake',
    { cause: error ?? new ClosedWith(code) },
  );
}
