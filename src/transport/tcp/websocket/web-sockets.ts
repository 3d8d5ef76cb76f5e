import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import type { ClientOptions } from 'ws';
import { type Address, sourceOf } from '../../../base/address.ts';
import { PeerloomError } from '../../../base/errors.ts';
import type { ExpectedPeer, Link, TransportContext } from '../../transport.ts';
import { urlOf } from '../../websocket/address.ts';
import { dialWebSocket } from '../../websocket/dial.ts';
import { type OpenedSocket, openGlobalSocket } from '../../websocket/global-socket.ts';
import { MessageQueue } from '../../websocket/message-socket.ts';
import { NoiseKey } from '../../websocket/noise-key.ts';
import { secureAccepted } from '../../websocket/secure-socket.ts';
import { WebSocketLink } from '../../websocket/web-socket-link.ts';
import { openSocket } from '../connect.ts';
import { longHandshake } from '../handshake-bytes.ts';
import { tlsClient } from '../sockets.ts';
import { loadWs } from './load-ws.ts';
import type { PageRules } from './page-requests.ts';
import type { RequestHandler } from './plain-requests.ts';
import { Upgrades } from './upgrades.ts';
import { WsSocket, wsLimits } from './ws-socket.ts';

export interface WebSocketSettings extends PageRules {
  readonly onRequest: RequestHandler | undefined;
}

export interface WebSocketDialDetails {
  readonly address: Address;
  readonly signal: AbortSignal;
  readonly expected: ExpectedPeer | undefined;
  /** Registers the connection, so that the transport can end it. */
  readonly keep: (socket: Socket) => Socket;
}

/** The inbound and outbound WebSockets of a node that has TCP. */
export class WebSockets {
  readonly #context: TransportContext;
  readonly #upgrades: Upgrades;
  readonly #noiseKey: NoiseKey;
  /** The number of pages' handshakes under way, by address. */
  readonly #pages = new Map<string, number>();

  constructor(context: TransportContext, { onRequest, ...rules }: WebSocketSettings) {
    this.#context = context;
    this.#upgrades = new Upgrades(context, rules, onRequest);
    this.#noiseKey = new NoiseKey(context.identity);
  }

  /** Prepares this side for accepting connections. @throws PeerloomError `ERR_SIGNER`. */
  async prepare(): Promise<void> {
    await this.#noiseKey.proof();
  }

  /**
   * Turns a connection of which nothing has been read into a link.
   *
   * @returns `undefined` if it asked for a page, which was sent.
   * @throws PeerloomError.
   */
  async accept(socket: Socket, startedAt: number): Promise<Link | undefined> {
    const upgraded = await this.#upgrades.accept(socket);
    if (upgraded === undefined) return undefined;
    const { isPage, remoteAddress } = upgraded;
    const leave = isPage ? this.#enterPage(remoteAddress.host) : () => {};
    const { limits, network, networkSecret, runtime } = this.#context;
    const checkBytes = (): void => {
      if (socket.bytesRead > limits.maxHandshakeBytes) {
        upgraded.socket.destroy(longHandshake(limits.maxHandshakeBytes));
      }
    };
    socket.on('data', checkBytes);
    try {
      const secured = await secureAccepted({ ...upgraded, noiseKey: this.#noiseKey, network, networkSecret });
      return new WebSocketLink({
        ...upgraded,
        ...secured,
        limitsByAddress: isPage ? 'loopback too' : true,
        startedAt,
        runtime,
      });
    } finally {
      socket.off('data', checkBytes);
      leave();
    }
  }

  /** @throws PeerloomError; the system's error; the signal's reason. */
  dial({ address, signal, expected, keep }: WebSocketDialDetails): Promise<Link> {
    const context = this.#context;
    return dialWebSocket({
      context,
      noiseKey: this.#noiseKey,
      address,
      startedAt: context.runtime.now(),
      expected,
      signal,
      open: async (offered) => {
        // Bun's own class of that name does not accept a socket.
        if (process.versions.bun !== undefined) return openGlobalSocket(address, offered, signal);
        const socket = keep(await openSocket(address, context, signal));
        return this.#open(address.scheme === 'wss' ? overTls(socket, address) : socket, {
          address,
          offered,
          signal,
        });
      },
    });
  }

  #open(
    carrier: Socket,
    { address, offered, signal }: { address: Address; offered: readonly string[]; signal: AbortSignal },
  ): Promise<OpenedSocket> {
    return new Promise((resolve, reject) => {
      const options = {
        ...wsLimits,
        createConnection: () => carrier,
        // A mask prevents scripts in browsers from choosing what proxies see (RFC 6455, section 10.3). Nobody can
        // choose what
        // is sealed, so the mask is zero, which costs nothing.
        generateMask: () => {},
      } as ClientOptions;
      const { WebSocket } = loadWs();
      const webSocket = new WebSocket(urlOf(address), [...offered], options);
      const onAbort = (): void => webSocket.terminate();
      signal.addEventListener('abort', onAbort);
      const settled = (): void => signal.removeEventListener('abort', onAbort);
      webSocket.on('close', settled);
      webSocket.on('error', (error) => {
        carrier.destroy();
        reject(isOfSystem(error) ? error : noWebSocket(error));
      });
      webSocket.on('unexpected-response', (_request, response) => {
        reject(refusedWith(response.statusCode ?? 0));
        webSocket.terminate();
      });
      webSocket.on('open', () => {
        settled();
        const socket = new WsSocket(webSocket, carrier, this.#context.runtime);
        resolve({ socket, messages: new MessageQueue(socket), chosen: webSocket.protocol });
      });
    });
  }

  /**
   * Limits the handshakes of pages, also from loopback. @returns a function to call at the end. @throws PeerloomError
   * `ERR_NOT_ALLOWED`.
   */
  #enterPage(host: string): () => void {
    const source = sourceOf(host);
    const underWay = this.#pages.get(source) ?? 0;
    if (underWay >= this.#context.limits.maxHalfOpenPerAddress) {
      throw new PeerloomError(
        'ERR_NOT_ALLOWED',
        'too many handshakes of pages at once (limits.maxHalfOpenPerAddress)',
      );
    }
    this.#pages.set(source, underWay + 1);
    return () => {
      const left = this.#pages.get(source)! - 1;
      if (left === 0) this.#pages.delete(source);
      else this.#pages.set(source, left);
    };
  }
}

function overTls(socket: Socket, { host }: Address): Socket {
  const named = isIP(host) > 0 ? {} : { servername: host };
  return tlsClient(socket, { host, ...named, ALPNProtocols: ['http/1.1'] });
}

/** Whether the connection failed, in contrast to what the other side sent. */
function isOfSystem({ code }: NodeJS.ErrnoException): boolean {
  return code !== undefined && !/^(WS_|HPE_)/.test(code);
}

function noWebSocket(cause: Error): PeerloomError {
  const message = `it does not answer as a WebSocket of peerloom (${cause.message}): check that a peerloom node listens there, and that both sides have the same version`;
  return new PeerloomError('ERR_HANDSHAKE', message, { cause });
}

function refusedWith(status: number): PeerloomError {
  const advice =
    status === 403
      ? 'that node, or a server before it, does not let this one in'
      : 'check that a peerloom node listens there, that it accepts websocket, and that the path is right';
  const code = status === 403 ? 'ERR_NOT_ALLOWED' : 'ERR_HANDSHAKE';
  return new PeerloomError(code, `it answers with HTTP ${status} instead of a WebSocket: ${advice}`);
}
