import type { TestContext } from 'node:test';
import {
  type Data,
  type Link,
  MemoryHub,
  memory,
  type NodeConnection,
  type NodeEventName,
  PeerloomError,
} from '../../../../src/index.ts';
import { type Envelope, SecureNode, type SecureNodeOptions } from '../../../../src/secure/index.ts';
import { until, within } from '../../../support/turns.ts';
import { withLinks } from '../../../support/with-links.ts';
import '../../../support/look-over.ts';

export interface Received {
  readonly peer: NodeConnection;
  readonly data: Data;
  readonly author: string;
  readonly message: Envelope;
}

/** A SecureNode that remembers what it is told. */
export class TestSecureNode extends SecureNode {
  readonly received: Received[] = [];
  readonly rejected: string[] = [];
  readonly errors: unknown[] = [];
  /** The links of its connections, in the order in which they were made. */
  readonly links: Link[] = [];

  override nodeMessage(peer: NodeConnection, data: Data): unknown {
    const message = this.message!;
    this.received.push({ peer, data, author: message.author, message });
    return undefined;
  }

  override nodeRequest(_peer: NodeConnection, data: Data): unknown {
    return { echo: data };
  }

  override nodeMessageRejected(_peer: NodeConnection, error: Error): unknown {
    this.rejected.push(error instanceof PeerloomError ? error.code : error.name);
    return undefined;
  }

  override nodeError(error: unknown, _event: NodeEventName): unknown {
    this.errors.push(error);
    return undefined;
  }

  get data(): Data[] {
    return this.received.map(({ data }) => data);
  }

  /** Waits for so many messages. */
  async heard(count: number): Promise<Data[]> {
    await until(() => this.received.length >= count, `${count} messages at '${this.name}'`);
    return this.data;
  }

  async refused(count: number): Promise<string[]> {
    await until(() => this.rejected.length >= count, `${count} rejections at '${this.name}'`);
    return this.rejected;
  }
}

/** A world in memory, whose nodes are stopped when the test ends. */
export class World {
  readonly #hub = new MemoryHub();
  readonly #nodes: TestSecureNode[] = [];

  constructor(t: TestContext) {
    t.after(async () => {
      for (const node of this.#nodes) await within(node.stop(), `'${node.name}' stops`);
    });
  }

  async start(name: string, options: SecureNodeOptions = {}): Promise<TestSecureNode> {
    const transport = withLinks(memory({ hub: this.#hub }), (link) => node.links.push(link));
    const node = new TestSecureNode(name, 0, { name, transports: [transport], ...options });
    this.#nodes.push(node);
    await node.start();
    return node;
  }

  /** Nodes 'a', 'b', 'c' … each connected with the next. */
  async line(count: number, options?: SecureNodeOptions): Promise<TestSecureNode[]> {
    const nodes: TestSecureNode[] = [];
    for (let index = 0; index < count; index++) {
      const node = await this.start('abcdefgh'[index]!, options);
      const last = nodes.at(-1);
      if (last !== undefined) await connect(last, node);
      nodes.push(node);
    }
    return nodes;
  }
}

export async function connect(from: SecureNode, to: SecureNode): Promise<NodeConnection> {
  const connection = await from.connectWithNode(to.host, to.port);
  await until(() => to.allNodes.some(({ id }) => id === from.id), 'both sides are connected');
  return connection;
}

export type Trio = readonly [TestSecureNode, TestSecureNode, TestSecureNode];

/** Alice, Bob and Carol, all connected. */
export async function trio(t: TestContext): Promise<{ world: World; nodes: Trio }> {
  const world = new World(t);
  const nodes = [await world.start('alice'), await world.start('bob'), await world.start('carol')] as const;
  const [alice, bob, carol] = nodes;
  await connect(alice, bob);
  await connect(bob, carol);
  await connect(carol, alice);
  return { world, nodes };
}
