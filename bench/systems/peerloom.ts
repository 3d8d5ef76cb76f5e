import type { Data, NodeConnection, Transport } from '../../dist/index.js';
import type { Endpoint, Link, Member, Message, Plan, System } from '../system.ts';
import { builtModule } from './package-under-test.ts';

const { Node, tcp, webSocket }: typeof import('../../dist/index.js') = await import(builtModule());

/**
 * @param variant `tls`, `plain`, `websocket`, `libp2p-noise`, `libp2p-tls`, or `durable`: over TLS, and with connections
 * that outlive their sockets.
 */
export function createSystem(variant: string): System {
  return {
    carries: 'values',
    createMember,
    async createEndpoint(plan) {
      const endpoint = new PeerloomEndpoint(variant, plan, await transportOf(variant));
      await endpoint.start();
      return endpoint;
    },
  };
}

async function transportOf(variant: string): Promise<Transport> {
  if (variant === 'websocket') return webSocket();
  if (!variant.startsWith('libp2p')) return tcp({ accept: [variant === 'plain' ? 'plain' : 'tls'] });
  const { lan, libp2p }: typeof import('../../dist/libp2p/index.js') = await import(builtModule('/libp2p'));
  return libp2p(lan({ encryption: [variant === 'libp2p-tls' ? 'tls' : 'noise'] }));
}

class PeerloomEndpoint extends Node implements Endpoint {
  readonly #scheme: string;
  readonly #isDurable: boolean;
  readonly #plan: Plan;

  constructor(variant: string, plan: Plan, transport: Transport) {
    super('127.0.0.1', 0, { transports: [transport], maxConnections: plan.maxLinks });
    this.#scheme = transport.schemes[0]!;
    this.#isDurable = variant === 'durable';
    this.#plan = plan;
  }

  async listen(): Promise<string> {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  dial(address: string): Promise<Link> {
    return this.connectWithNode(address, { reconnect: this.#isDurable }).then(asLink);
  }

  sendToAll(_links: readonly Link[], message: Message): readonly Link[] {
    return this.sendToNodes(message as Data).congested.map(asLink);
  }

  override inboundNodeConnected(): void {
    this.#plan.onAccepted?.();
  }

  override nodeMessage(peer: NodeConnection, data: Data): void {
    this.#plan.onMessage(data as Message, asLink(peer));
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return data;
  }
}

async function createMember(onBroadcast: (body: Uint8Array) => void): Promise<Member> {
  const node = new Node('127.0.0.1', 0);
  node.on('node_broadcast', (_origin, data) => onBroadcast(data as Uint8Array));
  await node.start();
  return {
    address: `127.0.0.1:${node.port}`,
    connect: (address) => node.connectWithNode(address),
    ready: async () => {},
    broadcast: (body) => void node.broadcast(body),
    copies: () => node.metrics().broadcastCopies,
    stop: () => node.stop(),
  };
}

/** A connection has what a link needs, by the same names; only what it may send is narrower. */
export function asLink(connection: NodeConnection): Link {
  return connection as unknown as Link;
}
