import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Endpoint, Link, Plan, System } from '../system.ts';
import { bareLink } from './bare-link.ts';
import { listenOnLoopback } from './listening.ts';

/** Bare TCP: neither framed, nor encrypted, nor authenticated. */
export function createSystem(): System {
  return { carries: 'bytes', createEndpoint: async (plan) => new NetEndpoint(plan) };
}

class NetEndpoint implements Endpoint {
  readonly #plan: Plan;
  readonly #links = new Set<Link>();
  #server: Server | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async listen(): Promise<string> {
    this.#server = createServer({ noDelay: true }, (socket) => this.#adopt(socket));
    return String(await listenOnLoopback(this.#server));
  }

  dial(address: string): Promise<Link> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: Number(address), noDelay: true }, () =>
        resolve(this.#adopt(socket)),
      );
      socket.once('error', reject);
    });
  }

  async stop(): Promise<void> {
    this.#server?.close();
    await Promise.all([...this.#links].map((link) => link.stop()));
  }

  #adopt(socket: Socket): Link {
    const link = bareLink(socket, this.#plan);
    this.#links.add(link);
    socket.once('close', () => this.#links.delete(link));
    return link;
  }
}
