import type { Data, NodeConnection } from '../../dist/index.js';
import type { Endpoint, Link, Message, Plan, System } from '../system.ts';
import { builtModule } from './package-under-test.ts';
import { asLink } from './peerloom.ts';

const { Identity, tcp }: typeof import('../../dist/index.js') = await import(builtModule());
const { SecureNode }: typeof import('../../dist/secure/index.js') = await import(builtModule('/secure'));

/** What rows of signing and of the vault need besides. */
export interface SecurePlan extends Plan {
  /** Where the vault is kept. Default: in memory. */
  readonly vaultPath?: string;
}

/** A peerloom node whose messages are signed, and which has a vault. */
export function createSystem(): System {
  return {
    carries: 'values',
    async createEndpoint(plan: SecurePlan) {
      const endpoint = new SecureEndpoint(plan);
      await endpoint.start();
      return endpoint;
    },
  };
}

export class SecureEndpoint extends SecureNode implements Endpoint {
  readonly #plan: Plan;

  constructor(plan: SecurePlan) {
    super('127.0.0.1', 0, {
      transports: [tcp()],
      maxConnections: plan.maxLinks,
      vault: plan.vaultPath === undefined ? {} : { path: plan.vaultPath },
    });
    this.#plan = plan;
  }

  async listen(): Promise<string> {
    return `tls://127.0.0.1:${this.port}`;
  }

  dial(address: string): Promise<Link> {
    return this.connectWithNode(address).then(asLink);
  }

  sendToAll(_links: readonly Link[], message: Message): readonly Link[] {
    return this.sendToNodes(message as Data).congested.map(asLink);
  }

  /** The id of a node that is nowhere. */
  newId(): string {
    return Identity.generate().id;
  }

  override nodeMessage(peer: NodeConnection, data: Data): void {
    this.#plan.onMessage(data as Message, asLink(peer));
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return data;
  }
}
