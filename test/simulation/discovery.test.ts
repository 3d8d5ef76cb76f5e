import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  bootstrap,
  type Discovery,
  type DiscoveryHost,
  Identity,
  type KnownNode,
  Node,
  PeerloomError,
} from '../../src/index.ts';
import { Simulation } from '../../src/simulator/index.ts';

/** Nodes in a line: each is connected with the next one only. */
async function line(count: number): Promise<{ world: Simulation; nodes: Node[] }> {
  const world = new Simulation({ seed: 1 });
  const nodes = world.spawn(count, Node);
  for (const [at, node] of nodes.slice(1).entries()) {
    await world.settle(node.connectWithNode(nodes[at]!.host, nodes[at]!.port));
  }
  await world.run({ seconds: 1 });
  return { world, nodes };
}

/** Remembers nodes for as long as a world lasts: what a file is to a machine. */
class Memory implements Discovery {
  readonly name = 'memory';
  readonly #nodes: Map<string, KnownNode>;

  constructor(nodes: Map<string, KnownNode>) {
    this.#nodes = nodes;
  }

  start({ found }: DiscoveryHost): void {
    for (const { id, addresses } of this.#nodes.values()) {
      for (const address of addresses) found({ address, id, lastConnectedAt: 1 });
    }
  }

  stop(): void {}

  connected(node: KnownNode): void {
    this.#nodes.set(node.id, node);
  }
}

/** How many nodes can be reached from the first one, over connections. */
function reachable(world: Simulation, nodes: readonly Node[]): number {
  const byId = new Map(nodes.filter((node) => world.isRunning(node)).map((node) => [node.id, node]));
  const [first] = byId.values();
  const seen = new Set([first!]);
  for (const node of seen) {
    for (const { id } of node.allNodes) {
      const peer = byId.get(id);
      if (peer !== undefined) seen.add(peer);
    }
  }
  return seen.size;
}

/** Runs until all of them can be reached, and for a while more: they must stay together. @returns how long it took. */
async function runUntilTogether(world: Simulation, nodes: () => readonly Node[]): Promise<number> {
  const startedAt = world.now;
  // To look after each event would take longer than the events.
  do await world.run({ seconds: 5 });
  while (reachable(world, nodes()) < nodes().length && world.now < startedAt + 120_000);
  const tookMs = world.now - startedAt;
  await world.run({ seconds: 5 });
  assert.equal(reachable(world, nodes()), nodes().length);
  return tookMs;
}

test('100 nodes find each other through one, which is gone when they all restart', async (t) => {
  const world = new Simulation({ seed: 17, latencyMs: { from: 5, to: 100 } });
  const stores = new Map<number, Map<string, KnownNode>>();
  const seed = '10.0.0.1:10001';
  const nodes = world.spawn(100, ({ index, host, port, options }) => {
    const store = stores.get(index) ?? new Map<string, KnownNode>();
    stores.set(index, store);
    return new Node(host, port, { ...options, discovery: [bootstrap([seed]), new Memory(store)] });
  });
  const all = await runUntilTogether(world, () => nodes);
  const degrees = nodes.slice(1).map(({ allNodes }) => allNodes.length);
  assert.ok(Math.max(...degrees) <= 12, `${degrees}`);

  world.crash([nodes[0]!]);
  const withoutSeed = await runUntilTogether(world, () => nodes.slice(1));
  world.crash(nodes.slice(1));
  await world.run({ seconds: 1 });
  world.restart(nodes.slice(1));
  const restarted = await runUntilTogether(world, () => nodes.slice(1));
  t.diagnostic(
    `together after ${all} ms, ${withoutSeed} ms without the seed, ${restarted} ms after a restart`,
  );

  let heard = 0;
  for (const node of nodes.slice(2)) node.once('node_broadcast', () => heard++);
  nodes[1]!.broadcast('hello');
  await world.run({ seconds: 5 });
  assert.equal(heard, 98);
  const connection = await world.settle(nodes[1]!.connectWithNode(nodes[99]!.id));
  assert.equal(connection.id, nodes[99]!.id);
  await world.end();
});

suite('a node that is looked for by its id', () => {
  test('is found up to six links away, and connected with', async () => {
    const { world, nodes } = await line(8);
    const [first, ...others] = nodes as [Node, ...Node[]];
    const connection = await world.settle(first.connectWithNode(others[5]!.id));
    assert.equal(connection.id, others[5]!.id);
    assert.equal(connection.direction, 'outbound');
    assert.ok(first.knownNodes.some(({ id, isConnected }) => id === others[5]!.id && isConnected));
    await world.end();
  });

  test('is not looked for further away, and the error says what to do', async () => {
    const { world, nodes } = await line(8);
    const startedAt = world.now;
    await assert.rejects(world.settle(nodes[0]!.connectWithNode(nodes[7]!.id)), (error) => {
      assert.ok(error instanceof PeerloomError);
      assert.equal(error.code, 'ERR_NODE_UNKNOWN');
      assert.match(
        error.message,
        /no address of the node 12D3KooW\w+ is known, and none of the nodes that its neighbour/,
      );
      return true;
    });
    assert.ok(world.now - startedAt < 1_000, `${world.now - startedAt} ms: all say that they know none`);
    await world.end();
  });

  test('is connected with at once if it is a peer, and again at its known address if it was one', async () => {
    const { world, nodes } = await line(3);
    const [first, second, third] = nodes as [Node, Node, Node];
    const peer = first.allNodes[0]!;
    assert.equal(await world.settle(first.connectWithNode(second.id)), peer);
    await world.settle(peer.stop());
    await world.run({ seconds: 1 });
    assert.equal(first.allNodes.length, 0);
    const again = await world.settle(first.connectWithNode(second.id));
    assert.notEqual(again, peer);
    const watched = await world.settle(first.connectWithNode(third.id, { reconnect: true }));
    world.cut([first], [third]);
    await world.run({ seconds: 60 });
    world.heal();
    await world.run({ minutes: 2 });
    assert.ok(watched.isOpen && !watched.isSuspended);
    await world.end();
  });

  test('is looked for again and again with retry', async () => {
    const { world, nodes } = await line(2);
    const [first, second] = nodes as [Node, Node];
    const identity = Identity.fromSeed(new Uint8Array(32).fill(7));
    const connecting = first.connectWithNode(identity.id, { retry: true });
    await world.run({ seconds: 30 });
    const [third] = world.spawn(1, ({ host, port, options }) => {
      return new Node(host, port, { ...options, identity });
    });
    await world.run({ seconds: 1 });
    await world.settle(third!.connectWithNode(second.host, second.port));
    assert.equal((await world.settle(connecting, { minutes: 3 })).id, third!.id);
    await world.end();
  });

  test('is nobody without a neighbour, this node itself, or an id that is not the expected one', async () => {
    const world = new Simulation({ seed: 1 });
    const [alone] = world.spawn(1, Node) as [Node];
    await world.run(1);
    const { id } = Identity.generate();
    await assert.rejects(world.settle(alone.connectWithNode(id)), {
      code: 'ERR_NODE_UNKNOWN',
      message: /has no neighbour to ask: connect with a node of the network first/,
    });
    await assert.rejects(world.settle(alone.connectWithNode(alone.id)), { code: 'ERR_SELF_CONNECTION' });
    await assert.rejects(world.settle(alone.connectWithNode(id, { id: alone.id })), TypeError);
    await world.end();
  });
});
