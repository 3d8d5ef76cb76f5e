import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Address } from '../../../base/address.ts';
import { requiredBuiltin } from '../../../base/builtin.ts';
import { PeerloomError } from '../../../base/errors.ts';
import type { TransportContext } from '../../transport.ts';
import type { OpenedSocket } from '../../websocket/global-socket.ts';
import { MessageQueue } from '../../websocket/message-socket.ts';
import { cipherOf } from '../../websocket/secure-socket.ts';
import { loadWs } from './load-ws.ts';
import { clientAddressOf, type PageRules, refusalOf } from './page-requests.ts';
import { PlainRequests, type RequestHandler } from './plain-requests.ts';
import { WsSocket, wsLimits } from './ws-socket.ts';

/** A WebSocket that another node, or a page, has opened. */
export interface Upgraded extends OpenedSocket {
  readonly offered: readonly string[];
  readonly remoteAddress: Address;
  /** Whether a page in a browser opened it. */
  readonly isPage: boolean;
}

interface Upgrading {
  readonly resolve: (upgraded: Upgraded | undefined) => void;
  readonly reject: (error: PeerloomError) => void;
}

/** Reads the HTTP requests of inbound connections, and opens the WebSockets that they ask for. */
export class Upgrades {
  readonly #context: TransportContext;
  readonly #rules: PageRules;
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;
  readonly #upgrading = new WeakMap<Socket, Upgrading>();

  constructor(context: TransportContext, rules: PageRules, onRequest: RequestHandler | undefined) {
    this.#context = context;
    this.#rules = rules;
    const plain = new PlainRequests(onRequest, context);
    const { WebSocketServer } = loadWs();
    this.#webSockets = new WebSocketServer({
      ...wsLimits,
      noServer: true,
      clientTracking: false,
      // The first known cipher in the dialler's order, because the dialler may be a page, for which one is slow.
      handleProtocols: (offered) => [...offered].find((one) => cipherOf(one) !== undefined) ?? false,
    });
    // Importing node:http also loads fetch, which takes a sixth of this package's loading time.
    const { createServer } = requiredBuiltin('node:http', 'accepting WebSockets');
    // The handshake has its own timeout, which starts with the first byte.
    this.#http = createServer({ maxHeaderSize: context.limits.maxHandshakeBytes });
    this.#http.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#upgrading.get(request.socket)?.resolve(undefined);
      plain.answer(request, response);
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head));
    this.#http.on('clientError', (cause: Error, socket) => {
      const message = `its HTTP request is wrong: ${cause.message}`;
      this.#upgrading.get(socket as Socket)?.reject(new PeerloomError('ERR_HANDSHAKE', message, { cause }));
    });
  }

  /**
   * Accepts a connection of which nothing has been read.
   *
   * @returns `undefined` if it asked for a page, which was sent.
   * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_NOT_ALLOWED`, `ERR_CONNECTION_CLOSED`.
   */
  accept(socket: Socket): Promise<Upgraded | undefined> {
    return new Promise((resolve, reject) => {
      this.#upgrading.set(socket, { resolve, reject });
      socket.once('close', () => {
        reject(
          new PeerloomError(
            'ERR_CONNECTION_CLOSED',
            'the other side closed the connection during the handshake',
          ),
        );
      });
      this.#http.emit('connection', socket);
      socket.resume();
    });
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { resolve, reject } = this.#upgrading.get(socket)!;
    const offered = offeredIn(request);
    const refuse = (status: string, error: PeerloomError): void => {
      const text = `${error.message}\n`;
      const type = 'Content-Type: text/plain; charset=utf-8';
      const length = `Content-Length: ${Buffer.byteLength(text)}`;
      socket.write(`HTTP/1.1 ${status}\r\n${type}\r\n${length}\r\nConnection: close\r\n\r\n${text}`);
      reject(error);
    };
    const refusal = refusalOf(request, this.#rules);
    if (refusal !== undefined) {
      refuse('403 Forbidden', new PeerloomError('ERR_NOT_ALLOWED', refusal));
      return;
    }
    if (!offered.some((one) => cipherOf(one) !== undefined)) {
      const message = 'it asks for a WebSocket that does not carry the protocol of peerloom in this version';
      refuse('400 Bad Request', new PeerloomError('ERR_HANDSHAKE', message));
      return;
    }
    const remoteAddress = clientAddressOf(request, socket, this.#rules);
    const isPage = request.headers.origin !== undefined;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
      const messages = new WsSocket(webSocket, socket, this.#context.runtime);
      const chosen = webSocket.protocol;
      const opened = { socket: messages, messages: new MessageQueue(messages), chosen };
      resolve({ ...opened, offered, remoteAddress, isPage });
    });
  }
}

/** The offered subprotocols, in order. The package ws has already refused invalid lists. */
function offeredIn({ headers }: IncomingMessage): readonly string[] {
  const header = headers['sec-websocket-protocol'] ?? '';
  return header.split(',').map((one) => one.trim());
}
