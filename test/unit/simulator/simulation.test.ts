import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Node, type NodeConnection } from '../../../src/index.ts';
import { type NodeFactory, Simulation, SimulationError, worldRegions } from '../../../src/simulator/index.ts';

/** Passes on whatever it hears, once. */
class GossipNode extends Node {
  readonly heard = new Map<string, number>();
  clock = (): number => 0;

  override nodeMessage(peer: NodeConnection, data: Data): void {
    const text = data as string;
    if (this.heard.has(text)) return;
    this.heard.set(text, this.clock());
    this.sendToNodes(text, { exclude: [peer] });
  }

  say(text: string): void {
    this.heard.set(text, this.clock());
    this.sendToNodes(text);
  }
}

const gossip: NodeFactory<GossipNode> = ({ host, port, options }) => new GossipNode(host, port, options);

/** A world whose nodes are connected in a ring. */
async function ring(count: number, world: Simulation): Promise<GossipNode[]> {
  const nodes = world.spawn(count, gossip);
  for (const node of nodes) node.clock = () => world.now;
  await world.settle(Promise.all(nodes.map((node, at) => connect(node, nodes[(at + 1) % count]!))));
  // Until the listeners' side is up too.
  await world.run({ seconds: 1 });
  return nodes;
}

function connect(node: Node, to: Node, options = {}): Promise<NodeConnection> {
  return node.connectWithNode(to.host, to.port, options);
}

suite('a simulation', () => {
  test('runs nodes on virtual time: a message takes the latency of its link', async () => {
    const world = new Simulation({ seed: 7, latencyMs: 30 });
    const [a, b] = await ring(2, world);
    const sentAt = world.now;
    a!.say('news');
    await world.run({ until: () => b!.heard.has('news') });
    assert.equal(b!.heard.get('news')! - sentAt, 30);
    await world.run({ minutes: 1, seconds: 2, milliseconds: 3 });
    assert.equal(world.now, sentAt + 30 + 62_003);
    await world.end();
  });

  test('is the same for the same seed, and another one for another seed', async () => {
    const run = async (seed: number) => {
      const world = new Simulation({ seed, latencyMs: { from: 10, to: 100 }, jitterMs: 5, loss: 0.05 });
      const nodes = await ring(20, world);
      nodes[3]!.say('rumour');
      world.churn({ perMinute: 60 });
      await world.run({ seconds: 20 });
      nodes[5]!.say('another');
      world.crash(0.2);
      await world.run({ seconds: 20 });
      return { digest: world.digest, ids: nodes.map(({ id }) => id), faults: world.faults };
    };
    const one = await run(1);
    assert.deepEqual(await run(1), one);
    const other = await run(2);
    assert.notEqual(other.digest, one.digest);
    assert.notEqual(other.ids[0], one.ids[0]);
  });

  test('measures messages, how they spread, and the shape of the network', async () => {
    const world = new Simulation();
    const nodes = await ring(10, world);
    nodes[0]!.say('rumour');
    await world.run({ seconds: 5 });
    const { nodes: counted, messages, deliveryRatio, bytes, spread, ...shape } = world.metrics;
    assert.deepEqual(counted, { total: 10, running: 10 });
    assert.deepEqual([messages, deliveryRatio], [{ sent: 11, received: 11, rejected: 0 }, 1]);
    assert.ok(bytes > 1_000);
    assert.deepEqual(spread, { messages: 1, reached: 9, hops: { mean: 25 / 9, max: 5 }, redundancy: 2 / 9 });
    assert.equal(shape.timeMs, world.now);
    const { degrees, clustering, pathLengths, components } = world.metrics;
    assert.deepEqual(degrees, { min: 2, mean: 2, max: 2, histogram: [0, 0, 10] });
    assert.equal(clustering, 0);
    assert.deepEqual(pathLengths, { mean: 25 / 9, max: 5, sources: 10 });
    assert.deepEqual(components, [10]);
    world.crash([nodes[0]!, nodes[5]!]);
    await world.run({ seconds: 1 });
    assert.deepEqual(world.metrics.components, [4, 4]);
    assert.deepEqual(world.metrics.nodes, { total: 10, running: 8 });
  });

  test('finds the clustering of a network', async () => {
    const world = new Simulation();
    const [a, b, c, d] = world.spawn(4, gossip);
    await world.settle(Promise.all([connect(a!, b!), connect(b!, c!), connect(c!, a!), connect(c!, d!)]));
    await world.run({ seconds: 1 });
    // Of a's and b's pairs all are connected, of the three pairs of c one is, and d has a single peer.
    assert.equal(world.metrics.clustering, (1 + 1 + 1 / 3 + 0) / 4);
  });

  test('gives nodes that restart their place, their address and their identity', async () => {
    const world = new Simulation();
    const nodes = await ring(3, world);
    const before = [...nodes];
    const [first] = before as [GossipNode];
    world.crash(first);
    await world.run({ seconds: 1 });
    assert.deepEqual([world.isRunning(first), world.metrics.nodes.running], [false, 2]);
    world.restart(first);
    await world.run({ seconds: 1 });
    const again = nodes[0]!;
    assert.notEqual(again, first);
    assert.deepEqual([again.id, again.host, again.port], [first.id, first.host, first.port]);
    assert.deepEqual([world.indexOf(first), world.indexOf(again), world.nodes[0]], [0, 0, again]);
    world.stop(again);
    await world.run({ seconds: 1 });
    world.restart(again, { identity: 'new' });
    await world.run({ seconds: 1 });
    assert.notEqual(nodes[0]!.id, first.id);
    await world.settle(connect(nodes[0]!, nodes[1]!));
    assert.deepEqual(
      world.faults.map(({ fault }) => fault),
      [
        { kind: 'crash', nodes: [0] },
        { kind: 'restart', nodes: [0] },
        { kind: 'stop', nodes: [0] },
        { kind: 'restart', nodes: [0], identity: 'new' },
      ],
    );
  });

  test('repeats recorded faults in another world', async () => {
    const run = async (faults?: Simulation['faults']) => {
      const world = new Simulation({ seed: 3 });
      await ring(8, world);
      if (faults === undefined) {
        const end = world.churn({ perMinute: 120, leave: 'stop', away: { from: 100, to: 900 } });
        await world.run({ seconds: 10 });
        end();
      } else {
        world.schedule(faults);
        await world.run({ seconds: 10 });
      }
      await world.run({ seconds: 5 });
      return world;
    };
    const recorded = await run();
    assert.ok(recorded.faults.length > 20);
    assert.equal(recorded.metrics.nodes.running, 8);
    const faults = JSON.parse(JSON.stringify(recorded.faults)) as typeof recorded.faults;
    const repeated = await run(faults);
    assert.deepEqual(repeated.faults, recorded.faults);
    assert.equal(repeated.digest, recorded.digest);
  });

  test('picks nodes by share, by count, or as they are given', async () => {
    const world = new Simulation({ seed: 5 });
    const nodes = world.spawn(20, gossip);
    await world.run(1);
    world.crash(0.25);
    world.crash(3);
    world.crash(nodes.slice(0, 2));
    world.restart();
    const counts = world.faults.map(({ fault }) => 'nodes' in fault && fault.nodes.length);
    assert.deepEqual(counts.slice(0, 3), [5, 3, 2]);
    assert.equal(world.metrics.nodes.running, 20);
    assert.throws(() => world.crash(1.5), /^RangeError: a number of nodes must be a share/);
    assert.throws(() => world.crash(new Node('a', 1, { transports: [] as never })), TypeError);
  });

  test('knows how far the regions of the world are apart', async () => {
    const world = new Simulation({ seed: 2, latencyMs: worldRegions });
    const [london] = world.spawn(1, gossip, { region: 'london' });
    const [tokyo] = world.spawn(1, gossip, { region: 'tokyo' });
    const connection = await world.settle(connect(london!, tokyo!));
    assert.equal(await world.settle(connection.ping()), 242);
    world.spawn(30, gossip);
    assert.throws(() => world.spawn(1, gossip, { region: 'moon' }), /region must be one of dallas, toronto/);
  });

  test('reports events and faults to listeners', async () => {
    const world = new Simulation();
    const seen: string[] = [];
    const listener = ({ index, event }: { index: number; event: string }) =>
      void seen.push(`${index} ${event}`);
    world.on('event', listener).on('fault', ({ fault }) => void seen.push(fault.kind));
    const nodes = world.spawn(2, gossip);
    await world.settle(connect(nodes[0]!, nodes[1]!));
    await world.run({ seconds: 1 });
    world.cut(nodes);
    await world.run({ seconds: 1 });
    assert.deepEqual(seen.sort(), [
      '0 outbound_node_connected',
      '0 outbound_node_disconnected',
      '1 inbound_node_connected',
      '1 inbound_node_disconnected',
      'cut',
    ]);
    world.off('event', listener);
    await world.settle(connect(nodes[0]!, nodes[1]!));
    assert.equal(seen.length, 5);
    assert.throws(() => world.on('events' as 'event', () => {}), /is not an event of a Simulation/);
  });

  test('fails where an invariant does not hold, with the seed, the time and the last events', async () => {
    const world = new Simulation({ seed: 11 });
    const nodes = await ring(5, world);
    const remove = world.invariant('nobody hears the news', () => {
      const [one] = nodes.filter(({ heard }) => heard.has('news'));
      return one === undefined || { problem: 'somebody does', nodes: [one] };
    });
    await world.run({ seconds: 1 });
    nodes[0]!.sendToNodes('news');
    const error = await world.run({ seconds: 1 }).then(
      () => assert.fail('it holds'),
      (error: unknown) => error as SimulationError,
    );
    assert.ok(error instanceof SimulationError);
    const { invariant, problem, seed, timeMs, lastEvents } = error.failure;
    assert.deepEqual([invariant, problem, seed], ['nobody hears the news', 'somebody does', 11]);
    assert.equal(timeMs, world.now);
    assert.equal(lastEvents.at(-1)!.event, 'node_message');
    assert.match(
      error.message,
      /^nobody hears the news: somebody does \(seed 11, \d+.* ms\)\nThe last events of node \d/,
    );
    // A run that has failed stays so.
    remove();
    await assert.rejects(world.run(1), SimulationError);
  });

  test('checks invariants now and then, or at the end of a run', async () => {
    const world = new Simulation();
    const checks = { rarely: 0, atTheEnd: 0 };
    world.invariant('rarely', () => void checks.rarely++, { when: 1_000 });
    world.invariant('at the end', () => void checks.atTheEnd++, { when: 'end' });
    world.spawn(2, gossip);
    world.schedule(Array.from({ length: 100 }, (_, at) => ({ at: at * 100, fault: { kind: 'heal' } })));
    await world.run({ seconds: 10 });
    assert.deepEqual(checks, { rarely: 10, atTheEnd: 1 });
  });

  test('moves on until nothing is left to do', async () => {
    const world = new Simulation({ latencyMs: 50 });
    const nodes = await ring(6, world);
    nodes[0]!.say('news');
    const sentAt = world.now;
    await world.idle();
    assert.deepEqual([world.metrics.spread.reached, world.now - sentAt], [5, 200]);
    world.churn({ perMinute: 600 });
    await assert.rejects(
      world.idle({ seconds: 3 }),
      /there is still something to do: it takes more than 3000 ms/,
    );
  });

  test('does not wait for the pings that nodes send by themselves, but for those of users', async () => {
    const world = new Simulation({ latencyMs: { from: 40, to: 90 } });
    const limits = { pingAfterMs: 100, deadAfterMs: 1_000 };
    const nodes = world.spawn(30, ({ host, port, options }) => new Node(host, port, { ...options, limits }));
    const dials = nodes.map((node, at) => connect(node, nodes[(at + 1) % 30]!));
    const [connection] = await world.settle(Promise.all(dials));
    await world.run({ seconds: 10 });
    const startedAt = world.now;
    await world.idle({ seconds: 1 });
    assert.equal(world.now, startedAt);
    let roundTripMs = 0;
    void connection!.ping().then((ms) => {
      roundTripMs = ms;
    });
    await world.idle({ seconds: 1 });
    assert.ok(roundTripMs >= 80 && world.now > startedAt, `${roundTripMs} ms`);
  });

  test('fails if something is left of a node that has stopped', async () => {
    const world = new Simulation();
    const [node] = world.spawn(1, ({ host, port, options }) => {
      options.runtime.setTimeout(() => {}, 3_600_000);
      return new Node(host, port, options);
    });
    await world.run(10);
    world.stop(node!);
    await assert.rejects(world.run(10), /has stopped: node 0: it left 0 connections, 0 links, 1 timers/);
  });

  test('says why it does not go on', async () => {
    const world = new Simulation();
    await assert.rejects(world.settle(new Promise(() => {})), /nothing is left that could still happen/);
    world.schedule([{ at: 5_000, fault: { kind: 'heal' } }]);
    const never = () => false;
    await assert.rejects(world.run({ until: never, within: { seconds: 2 } }), /more than 2000 ms/);
    await assert.rejects(world.settle(Promise.reject(new Error('its own'))), /its own/);
    world.spawn(1, ({ options }) => new Node('10.9.9.9', 10_001, options));
    world.spawn(1, ({ options }) => new Node('10.9.9.9', 10_001, options));
    await assert.rejects(world.run(1), { code: 'ERR_ADDRESS_IN_USE' });
  });

  test('checks its options', () => {
    const made = (options: object) => () => new Simulation(options);
    assert.throws(made({ latency: 3 }), /latency is not an option; did you mean 'latencyMs'\?/);
    assert.throws(made({ latencyMs: -1 }), RangeError);
    assert.throws(
      made({ latencyMs: { from: 5, to: 1 } }),
      /latencyMs.from must be at most latencyMs.to, 1, not 5/,
    );
    assert.throws(made({ latencyMs: { regions: ['a'], oneWayMs: [[1, 2]] } }), RangeError);
    assert.throws(made({ loss: 1 }), RangeError);
    assert.throws(made({ bytesPerSecond: 0 }), RangeError);
    assert.throws(made({ seed: 0.5 }), RangeError);
    const world = new Simulation();
    assert.throws(() => world.spawn(-1, gossip), RangeError);
    assert.throws(
      () => world.spawn(1, gossip, { region: 'moon' }),
      /region needs a world whose latencyMs has regions/,
    );
    assert.throws(() => world.churn({ perMinute: 0 }), RangeError);
  });

  test('takes the default of an option that is undefined', () => {
    const undefinedOptions = { latencyMs: undefined, jitterMs: undefined, loss: undefined } as object;
    assert.doesNotThrow(() => new Simulation(undefinedOptions));
  });

  test('makes nodes of a class as well as by a function, and wants nodes of both', async () => {
    await using world = new Simulation();
    const [a, b] = world.spawn(2, GossipNode);
    await world.settle(connect(a!, b!));
    world.crash(a!);
    world.restart();
    assert.ok(world.nodes[0] instanceof GossipNode);
    assert.throws(() => world.spawn(1, (() => {}) as never), /must return a Node, not undefined/);
    assert.throws(() => world.spawn(1, undefined as never), /make must be a function, not undefined/);
  });

  test('refuses what is no span of time, no moment of a check and no fault', async () => {
    const world = new Simulation();
    await assert.rejects(world.run(undefined as never), /duration must be milliseconds, or units such as/);
    await assert.rejects(world.run('5' as never), /not '5'/);
    for (const when of ['start', 0, Number.NaN] as never[])
      assert.throws(
        () => world.invariant('it holds', () => true, { when }),
        /when must be 'event', 'end' or/,
      );
    assert.throws(() => world.invariant('it holds', () => true, { at: 3 } as object), /at is not an option/);
    assert.throws(() => world.apply({ kind: 'boom' } as never), /'boom' is not the kind of a fault/);
    assert.throws(() => world.partition(), /partition needs a group of nodes/);
  });
});
