import { connect, createServer, type Server } from 'node:net';
import NoiseSecretStream from '@hyperswarm/secret-stream';
import type { Endpoint, Link, Message, Plan, System } from '../../system.ts';
import { listenOnLoopback } from '../listening.ts';

/** hyperswarm's stream: Noise XX and libsodium's secretstream over TCP; each write is a message of its own. */
export function createSystem(): System {
  return { carries: 'bytes', createEndpoint: async (plan) => new SecretEndpoint(plan) };
}

class SecretEndpoint implements Endpoint {
  readonly #plan: Plan;
  readonly #keyPair = NoiseSecretStream.keyPair();
  readonly #links = new Set<Link>();
  #server: Server | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async listen(): Promise<string> {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const stream = new NoiseSecretStream(false, socket, { keyPair: this.#keyPair });
      this.#adopt(stream);
      void stream.opened.then((isOpen) => isOpen && this.#plan.onAccepted?.());
    });
    return String(await listenOnLoopback(this.#server));
  }

  async dial(address: string): Promise<Link> {
    const socket = connect({ host: '127.0.0.1', port: Number(address), noDelay: true });
    const stream = new NoiseSecretStream(true, socket, { keyPair: this.#keyPair });
    const link = this.#adopt(stream);
    if (!(await stream.opened)) throw new Error('the handshake failed');
    return link;
  }

  async stop(): Promise<void> {
    this.#server?.close();
    await Promise.all([...this.#links].map((link) => link.stop()));
  }

  #adopt(stream: NoiseSecretStream): Link {
    const link: Link = {
      send: (message: Message) => stream.write(message as Uint8Array),
      drained: () => new Promise((resolve) => stream.once('drain', resolve)),
      stop: () =>
        new Promise((resolve) => {
          if (!this.#links.has(link)) resolve(undefined);
          stream.once('close', resolve);
          if (this.#plan.traffic === 'none') stream.end();
          else stream.destroy();
        }),
    };
    stream.on('error', () => {});
    stream.on('data', (message: Buffer) => this.#plan.onMessage(message, link));
    stream.once('close', () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }
}
