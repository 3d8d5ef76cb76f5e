import { Identity, MemoryHub, memory, type NodeConnection, tcp } from '../../src/index.ts';
import { within } from '../support/turns.ts';
import type { Ledger } from './ledger.ts';
import { SoakNode } from './soak-node.ts';

export type Engine = 'memory' | 'tls';

/** A place in the world, where one run of a node follows the other, with the same identity and port. */
export interface Slot {
  readonly name: string;
  readonly engine: Engine;
  readonly identity: Identity;
  node: SoakNode;
  /** One run has stopped, and the next has not started. */
  isRestarting: boolean;
}

/** How long anything may take to come to rest. */
const restTimeoutMs = 60_000;

/** Nodes, every other one on TLS and the rest in memory. */
export class World {
  readonly ledger: Ledger;
  readonly slots: Slot[] = [];
  restarts = 0;
  readonly #hub = new MemoryHub();
  readonly #random: () => number;

  constructor(ledger: Ledger, random: () => number) {
    this.ledger = ledger;
    this.#random = random;
  }

  async populate(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const engine = index % 2 === 0 ? 'tls' : 'memory';
      const place = { name: `${engine}-${index}`, engine, identity: Identity.generate() } as const;
      const slot: Slot = { ...place, node: this.#makeNode(place, 0), isRestarting: false };
      await slot.node.start();
      this.slots.push(slot);
    }
  }

  /** A node that runs, on a given engine where one is given. */
  pick(engine?: Engine): SoakNode {
    const running = this.slots.filter(
      (slot) => !slot.isRestarting && (engine ?? slot.engine) === slot.engine,
    );
    return this.oneOf(running).node;
  }

  engineOf(node: SoakNode): Engine {
    return this.slots.find((slot) => slot.node === node)?.engine ?? 'tls';
  }

  /** A node and one of its connections, if it has any. */
  pickConnection(): { node: SoakNode; connection: NodeConnection } | undefined {
    const node = this.pick();
    const { allNodes } = node;
    return allNodes.length === 0 ? undefined : { node, connection: this.oneOf(allNodes) };
  }

  oneOf<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)]!;
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  /** Stops a node and starts another run of it in its place. */
  async restart(): Promise<void> {
    const running = this.slots.filter(({ isRestarting }) => !isRestarting);
    if (running.length <= this.slots.length / 2) return;
    const slot = this.oneOf(running);
    slot.isRestarting = true;
    const { port } = slot.node;
    await within(slot.node.stop(), `'${slot.name}' stops`, restTimeoutMs);
    this.#checkStopped(slot.node);
    slot.node = this.#makeNode(slot, port);
    await slot.node.start();
    slot.isRestarting = false;
    this.restarts += 1;
  }

  /** All handlers are quick from now on, until they are told otherwise. */
  hurry(): void {
    for (const { node } of this.slots) node.slowMs = 0;
  }

  /** Waits until all that was sent is handled, and compares the books of both sides. */
  async settle(): Promise<void> {
    this.hurry();
    // Twice: some are connected again just now.
    for (let round = 0; round < 2; round++) {
      await this.#withEach(async (node, connection) => {
        if (connection.isOpen) await node.conclude(connection, 'the last of this round');
      });
    }
    this.ledger.checkOpen();
    for (const { node } of this.slots) node.checkCounts();
  }

  /** Disconnects everybody from everybody. */
  async part(): Promise<void> {
    const deadline = performance.now() + restTimeoutMs;
    do {
      await this.#withEach((node, connection) => node.leave(connection));
      await new Promise((resolve) => setTimeout(resolve, 50));
    } while (this.#isConnected && performance.now() < deadline);
    this.ledger.check(!this.#isConnected, () => 'connections are left when all have parted');
    this.ledger.checkClosed();
    for (const { node } of this.slots) node.forget();
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.slots.map(async ({ name, node }) => {
        await within(node.stop(), `'${name}' stops`, restTimeoutMs);
        this.#checkStopped(node);
      }),
    );
  }

  get #isConnected(): boolean {
    return this.slots.some(({ node }) => node.allNodes.length > 0);
  }

  /** Does something with each connection of this round. */
  async #withEach(act: (node: SoakNode, connection: NodeConnection) => Promise<void>): Promise<void> {
    const acts = this.slots.flatMap(({ node }) =>
      [...node.ends].map(([connection, { name }]) =>
        within(act(node, connection), `${name} comes to rest`, restTimeoutMs),
      ),
    );
    await Promise.all(acts);
  }

  #makeNode({ name, engine, identity }: Pick<Slot, 'name' | 'engine' | 'identity'>, port: number): SoakNode {
    const isTls = engine === 'tls';
    return new SoakNode(isTls ? '127.0.0.1' : 'soak', port, {
      ledger: this.ledger,
      name,
      identity,
      reconnect: { minDelayMs: 20, maxDelayMs: 500, maxTrials: 20 },
      // Nobody waits long for who does not come back: rounds are short.
      limits: { sessionTimeoutMs: 2_000, pingAfterMs: 4_000, deadAfterMs: 12_000 },
      transport: isTls ? tcp() : memory({ hub: this.#hub }),
    });
  }

  #checkStopped(node: SoakNode): void {
    this.ledger.check(node.allNodes.length === 0, () => `'${node.name}' has stopped and is connected`);
    node.checkCounts();
  }
}
