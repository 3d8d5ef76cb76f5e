import type { Data, NodeConnection } from '../../dist/index.js';
import type { Endpoint, Link, Message, Plan, System } from '../system.ts';
import { builtModule } from './package-under-test.ts';

const { Node, tcp }: typeof import('../../dist/index.js') = await import(builtModule('index.js'));

/** @param variant `tls`, `plain`, or `durable`: over TLS, and with connections that outlive their sockets. */
export function createSystem(variant: string): System {
  return {
    carries: 'values',
    async createEndpoint(plan) {
      const endpoint = new PeerloomEndpoint(variant, plan);
      await endpoint.start();
      return endpoint;
    },
  };
}

class PeerloomEndpoint extends Node implements Endpoint {
  readonly #scheme: string;
  readonly #isDurable: boolean;
  readonly #plan: Plan;

  constructor(variant: string, plan: Plan) {
    const protocol = variant === 'plain' ? 'plain' : 'tls';
    super('127.0.0.1', 0, { transports: [tcp({ accept: [protocol] })], maxConnections: plan.maxLinks });
    this.#scheme = protocol === 'tls' ? 'tls' : 'tcp';
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

/** A connection has what a link needs, by the same names; only what it may send is narrower. */
export function asLink(connection: NodeConnection): Link {
  return connection as unknown as Link;
}
