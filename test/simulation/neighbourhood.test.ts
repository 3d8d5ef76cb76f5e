import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bootstrap, Node, type NodeConnection, type NodeOptions } from '../../src/index.ts';
import { Simulation } from '../../src/simulator/index.ts';
import { componentsOf, degreesOf } from '../../src/simulator/watch/graph.ts';
import { seeds } from '../support/seeds.ts';

class Neighbour extends Node {
  readonly heard = new Set<unknown>();
  readonly failures: string[] = [];
  readonly lost: string[] = [];

  override nodeBroadcast(_origin: string, data: unknown): void {
    this.heard.add(data);
  }

  override connectionError(address: string, error: Error): void {
    this.failures.push(`${address}: ${error.message}`);
  }

  override outboundNodeDisconnected(peer: NodeConnection): void {
    this.lost.push(peer.id);
  }
}

interface World {
  readonly world: Simulation;
  readonly nodes: Neighbour[];
  /** The running nodes by number, and which they hold for neighbours. */
  graph(): Map<number, Set<number>>;
}

async function worldOf(count: number, seed: number, options: NodeOptions = {}): Promise<World> {
  const world = new Simulation({ seed, latencyMs: { from: 10, to: 100 }, jitterMs: 10 });
  const discovery = [bootstrap(['10.0.0.1:10001', '10.0.0.2:10001'])];
  const nodes = world.spawn(count, ({ host, port, options: given }) => {
    return new Neighbour(host, port, { ...given, discovery, ...options });
  });
  await world.run({ seconds: 60 });
  const graph = (): Map<number, Set<number>> => {
    const numbers = new Map(nodes.map((node, at) => [node.id, at]));
    const running = [...nodes.entries()].filter(([, node]) => world.isRunning(node));
    return new Map(
      running.map(([at, { neighbourhood }]) => {
        const neighbours = neighbourhood.active.map(({ id }) => numbers.get(id)!);
        return [at, new Set(neighbours.filter((one) => world.isRunning(nodes[one]!)))];
      }),
    );
  };
  return { world, nodes, graph };
}

/** Pairs of which only one node holds the other for a neighbour. */
function oneSided(graph: Map<number, Set<number>>): string[] {
  return [...graph].flatMap(([one, neighbours]) =>
    [...neighbours].filter((other) => !graph.get(other)!.has(one)).map((other) => `${one} → ${other}`),
  );
}

/** Waits for a moment in which no news of neighbours is under way. */
async function settleSides({ world, graph }: World): Promise<void> {
  await world.run({ until: () => oneSided(graph()).length === 0, within: { seconds: 5 } });
}

suite('neighbours on virtual time', () => {
  test('of sixty nodes that start at once and know one address are found within 25 seconds', async () => {
    for (const seed of seeds) {
      const world = new Simulation({ seed, latencyMs: { from: 0.1, to: 1 }, mode: 'fast' });
      const discovery = [bootstrap(['10.0.0.1:10001'])];
      const nodes = world.spawn(
        60,
        ({ host, port, options }) => new Neighbour(host, port, { ...options, discovery }),
      );
      await world.run({ seconds: 5 });
      nodes[0]!.broadcast('while the network forms');
      await world.run({ seconds: 20 });
      const few = nodes.filter(({ neighbourhood }) => neighbourhood.active.length < 2);
      assert.ok(few.length <= 3, `seed ${seed}: ${few.length} nodes have no neighbour, or one`);
      for (const { heard } of nodes.slice(1)) assert.equal(heard.size, 1, `seed ${seed}`);
    }
  });

  test('make one network of all nodes, on which broadcasts reach everybody', async () => {
    for (const seed of seeds) {
      const made = await worldOf(24, seed);
      const { world, nodes, graph } = made;
      await settleSides(made);
      assert.deepEqual(componentsOf(graph()), [24], `seed ${seed}`);
      const { mean, max } = degreesOf(graph());
      assert.ok(mean > 3.8 && max <= 5, `seed ${seed}: ${mean}`);
      nodes[7]!.broadcast('hello');
      await world.run({ seconds: 10 });
      assert.equal(nodes.filter(({ heard }) => heard.has('hello')).length, 23, `seed ${seed}`);
      for (const { failures } of nodes) assert.deepEqual(failures, [], `seed ${seed}`);
      const told = nodes.flatMap(({ knownNodes }) => knownNodes.filter(({ source }) => source === 'nodes'));
      const proven = told.filter(({ isProven }) => isProven);
      assert.ok(proven.length > told.length / 2, 'nodes have dialled those that others named');
      await world.end();
    }
  });

  test('are proven nodes of knownNodes as soon as the node has tried their addresses', async () => {
    const world = new Simulation({ seed: 1, latencyMs: 10 });
    const neighbourhood = { active: 2 };
    const nodes = world.spawn(
      8,
      ({ host, port, options }) => new Neighbour(host, port, { ...options, neighbourhood }),
    );
    const [first, ...others] = nodes as [Neighbour, ...Neighbour[]];
    for (const node of others) await world.settle(node.connectWithNode(first.host, first.port));
    await world.run({ seconds: 60 });
    const told = others.flatMap(({ knownNodes }) => knownNodes.filter(({ source }) => source === 'nodes'));
    assert.ok(told.length > 3, `${told.length}`);
    assert.ok(told.every(({ isProven }) => isProven));
    await world.end();
  });

  test('are found anew when half of the nodes crash, some of them in silence', async () => {
    const made = await worldOf(24, 3);
    const { world, nodes, graph } = made;
    world.crash(nodes.slice(0, 6));
    world.crash(nodes.slice(6, 12), { power: 'off' });
    await world.run({ seconds: 10 });
    const gone = new Set(nodes.slice(0, 12).map(({ id }) => id));
    for (const node of nodes.slice(12)) {
      for (const { id } of node.neighbourhood.active)
        assert.ok(!gone.has(id), 'a dead neighbour shows in 10 s');
    }
    await world.run({ seconds: 60 });
    await settleSides(made);
    assert.deepEqual(componentsOf(graph()), [12]);
    assert.ok(degreesOf(graph()).mean > 3.5);
    nodes[20]!.broadcast('we are left');
    await world.run({ seconds: 10 });
    assert.equal(nodes.slice(12).filter(({ heard }) => heard.has('we are left')).length, 11);
    await world.end();
  });

  test('mix again after a partition, into one network and not two with a bridge', async () => {
    const made = await worldOf(20, 4);
    const { world, nodes, graph } = made;
    const [one, other] = [nodes.slice(0, 10), nodes.slice(10)];
    world.partition(one, other);
    await world.run({ minutes: 4 });
    assert.deepEqual(componentsOf(graph()), [10, 10]);
    world.heal();
    await world.run({ minutes: 3 });
    await settleSides(made);
    assert.deepEqual(componentsOf(graph()), [20]);
    let across = 0;
    let links = 0;
    for (const [at, neighbours] of graph()) {
      links += neighbours.size;
      across += [...neighbours].filter((neighbour) => at < 10 !== neighbour < 10).length;
    }
    // Half of the links of a random network.
    assert.ok(across / links > 0.3, `${across} of ${links}`);
    await world.end();
  });

  test('come and go, and the network stays whole', async () => {
    const made = await worldOf(20, 5);
    const { world, nodes, graph } = made;
    const stop = world.churn({ perMinute: 6, away: { from: { seconds: 5 }, to: { seconds: 60 } } });
    await world.run({ minutes: 3 });
    stop();
    world.restart(nodes.filter((node) => !world.isRunning(node)));
    await world.run({ minutes: 1 });
    await settleSides(made);
    assert.deepEqual(componentsOf(graph()), [20]);
    await world.end();
  });

  test('leave at once when the link of their session breaks, and the session does not', async () => {
    const world = new Simulation({ seed: 1 });
    const [a, b] = world.spawn(2, ({ host, port, options }) => {
      return new Neighbour(host, port, { ...options, neighbourhood: 'automatic' });
    }) as [Neighbour, Neighbour];
    await world.run(10);
    const connection = await world.settle(a.connectWithNode(b.host, b.port, { reconnect: true }));
    await world.run({ seconds: 1 });
    assert.deepEqual(a.neighbourhood.active, [connection]);
    assert.equal(b.neighbourhood.active.length, 1);
    world.setReachable(b, false);
    world.cut([a], [b]);
    await world.run(100);
    assert.deepEqual([a.neighbourhood.active, b.neighbourhood.active], [[], []]);
    assert.ok(connection.isOpen && connection.isSuspended);
    world.setReachable(b, true);
    await world.run({ minutes: 2 });
    assert.ok(!connection.isSuspended);
    assert.deepEqual(a.neighbourhood.active, [connection], 'they are neighbours again');
    await world.end();
  });

  test('never cost a connection that a user made, on either side', async () => {
    const world = new Simulation({ seed: 1 });
    const nodes = world.spawn(12, ({ host, port, options }) => {
      return new Neighbour(host, port, { ...options, neighbourhood: { active: 2, passive: 8 } });
    });
    const [hub, ...users] = nodes as [Neighbour, ...Neighbour[]];
    await world.run(10);
    const made = await Promise.all(
      users.map((user) => world.settle(user.connectWithNode(hub.host, hub.port))),
    );
    await world.run({ minutes: 5 });
    assert.ok(hub.neighbourhood.active.length <= 2);
    assert.ok(
      nodes.some(({ lost }) => lost.length > 0),
      'neighbours changed meanwhile',
    );
    for (const [at, connection] of made.entries()) {
      assert.ok(connection.isOpen);
      assert.ok(!users[at]!.lost.includes(hub.id));
    }
    await world.end();
  });

  test('keep a connection that a user asks for while it exists for the overlay alone', async () => {
    const made = await worldOf(12, 6, { neighbourhood: { active: 2, passive: 8 } });
    const { world, nodes } = made;
    const from = nodes.find(({ nodesOutbound }) => nodesOutbound.size > 0)!;
    const [first] = [...from.nodesOutbound];
    const to = nodes.find(({ id }) => id === first!.id)!;
    assert.equal(await world.settle(from.connectWithNode(to.host, to.port)), first);
    await world.run({ minutes: 5 });
    assert.ok(first!.isOpen, 'the overlay has changed its neighbours, and closed this one not');
    await world.end();
  });
});
