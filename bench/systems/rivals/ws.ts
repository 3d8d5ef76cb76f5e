import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import type { Endpoint, Link, Message, Plan, System } from '../../system.ts';
import { listenOnLoopback } from '../listening.ts';

/** Bytes that may wait in a socket before the sender is told to stop. */
const highWaterBytes = 1024 * 1024;

/** WebSocket, plain, without compression, with its optional native `bufferutil`: as its README recommends. */
export function createSystem(): System {
  return { carries: 'text', createEndpoint: async (plan) => new WebSocketEndpoint(plan) };
}

class WebSocketEndpoint implements Endpoint {
  readonly #plan: Plan;
  readonly #links = new Set<Link>();
  readonly #http = createServer();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async listen(): Promise<string> {
    const server = new WebSocketServer({ server: this.#http, perMessageDeflate: false });
    server.on('connection', (socket) => this.#adopt(socket));
    return `ws://127.0.0.1:${await listenOnLoopback(this.#http)}`;
  }

  dial(address: string): Promise<Link> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(address, { perMessageDeflate: false });
      socket.once('open', () => resolve(this.#adopt(socket)));
      socket.once('error', reject);
    });
  }

  async stop(): Promise<void> {
    this.#http.close();
    await Promise.all([...this.#links].map((link) => link.stop()));
  }

  #adopt(socket: WebSocket): Link {
    let onRoom: (() => void) | undefined;
    const onSent = (): void => {
      if (onRoom === undefined || socket.bufferedAmount > highWaterBytes / 2) return;
      onRoom();
      onRoom = undefined;
    };
    const link: Link = {
      send(message: Message) {
        socket.send(message as Uint8Array | string, onSent);
        return socket.bufferedAmount < highWaterBytes;
      },
      drained: () =>
        new Promise<void>((resolve) => {
          onRoom = resolve;
          setImmediate(onSent);
        }),
      ping: () =>
        new Promise((resolve) => {
          socket.once('pong', resolve);
          socket.ping();
        }),
      stop: () =>
        new Promise((resolve) => {
          if (socket.readyState === WebSocket.CLOSED) resolve(undefined);
          socket.once('close', resolve);
          socket.terminate();
        }),
    };
    socket.on('error', () => {});
    socket.on('message', (message, isBinary) =>
      this.#plan.onMessage(isBinary ? (message as Buffer) : message.toString(), link),
    );
    socket.once('close', () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }
}
