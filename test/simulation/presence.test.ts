import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bootstrap, type LeaveReason, Node, type NodeOptions } from '../../src/index.ts';
import { Simulation } from '../../src/simulator/index.ts';

const everyMs = 10_000;

/** An announcement of 10 s is missed after three of them, and the next look. */
const silentWithinMs = 3 * everyMs + everyMs / 4;

class Witness extends Node {
  readonly joined: string[] = [];
  readonly left: [id: string, reason: LeaveReason][] = [];

  override nodeJoined(id: string): void {
    this.joined.push(id);
  }

  override nodeLeft(id: string, reason: LeaveReason): void {
    this.left.push([id, reason]);
  }

  forget(): void {
    this.joined.length = this.left.length = 0;
  }
}

interface World {
  readonly world: Simulation;
  readonly nodes: Witness[];
}

/** Nodes that find their neighbours by themselves, and know that all are there. */
async function networkOf(count: number, seed: number): Promise<World> {
  const world = new Simulation({ seed, latencyMs: { from: 10, to: 100 }, jitterMs: 10 });
  const discovery = [bootstrap(['10.0.0.1:10001', '10.0.0.2:10001'])];
  const nodes = world.spawn(count, ({ host, port, options }) => {
    return new Witness(host, port, { ...options, discovery, presence: { everyMs } });
  });
  await world.run({ seconds: 60 });
  for (const node of nodes) {
    assert.deepEqual([...node.presentNodes].sort(), idsBut(nodes, node));
    assert.deepEqual(node.joined.toSorted(), idsBut(nodes, node), 'each joins once');
    assert.deepEqual(node.left, []);
    node.forget();
  }
  return { world, nodes };
}

/** Nodes in a line: each is connected with the next one only. */
async function line(optionsOf: (at: number) => NodeOptions, count = 3): Promise<World> {
  const world = new Simulation({ seed: 1 });
  let at = 0;
  const nodes = world.spawn(count, ({ host, port, options }) => {
    return new Witness(host, port, { ...options, ...optionsOf(at++) });
  });
  for (const [before, node] of nodes.slice(1).entries()) {
    await world.settle(node.connectWithNode(nodes[before]!.host, nodes[before]!.port));
  }
  return { world, nodes };
}

function idsBut(nodes: readonly Node[], ...others: readonly Node[]): string[] {
  return nodes
    .filter((node) => !others.includes(node))
    .map(({ id }) => id)
    .sort();
}

suite('presence across the network', () => {
  test('tells of a node that stops at once, and of one that crashes within three periods', async () => {
    const { world, nodes } = await networkOf(9, 1);
    const [stopped, crashed] = [nodes[4]!, nodes[7]!];
    const rest = nodes.filter((node) => node !== stopped && node !== crashed);
    world.stop([stopped]);
    await world.run({ seconds: 1 });
    for (const node of rest) assert.deepEqual(node.left, [[stopped.id, 'stopped']]);
    world.crash([crashed], { power: 'off' });
    await world.run(silentWithinMs);
    for (const node of rest) {
      assert.deepEqual(node.left, [
        [stopped.id, 'stopped'],
        [crashed.id, 'silent'],
      ]);
      assert.deepEqual([...node.presentNodes].sort(), idsBut(rest, node));
    }
    assert.deepEqual(stopped.left, [], 'who stops itself learns of nobody');
    world.restart([crashed]);
    await world.run({ seconds: 30 });
    for (const node of rest) assert.deepEqual(node.joined, [crashed.id]);
    await world.end();
  });

  test('tells of both halves of a partition, and that they are back when it heals', async () => {
    const { world, nodes } = await networkOf(8, 2);
    const halves = [nodes.slice(0, 4), nodes.slice(4)] as const;
    world.partition(...halves);
    await world.run({ seconds: 60 });
    for (const [at, half] of halves.entries()) {
      const others = halves[1 - at]!;
      for (const node of half) {
        assert.deepEqual([...node.presentNodes].sort(), idsBut(half, node));
        assert.deepEqual(node.left.map(([id]) => id).sort(), idsBut(others));
        assert.ok(node.left.every(([, reason]) => reason === 'silent'));
        node.forget();
      }
    }
    world.heal();
    await world.run({ minutes: 3 });
    for (const [at, half] of halves.entries()) {
      for (const node of half) {
        assert.deepEqual([...node.presentNodes].sort(), idsBut(nodes, node));
        assert.deepEqual(node.joined.toSorted(), idsBut(halves[1 - at]!), 'each joins once');
        assert.deepEqual(node.left, []);
      }
    }
    await world.end();
  });

  test('survives a process that stands still for longer than three periods', async () => {
    const { world, nodes } = await networkOf(6, 3);
    const [frozen] = nodes as [Witness];
    world.pause([frozen]);
    await world.run({ minutes: 2 });
    world.resume([frozen]);
    await world.run({ minutes: 1 });
    assert.deepEqual(frozen.left, [], 'it stood still, and not the others');
    for (const node of nodes.slice(1)) {
      assert.deepEqual(node.left, [[frozen.id, 'silent']]);
      assert.deepEqual(node.joined, [frozen.id]);
    }
    await world.end();
  });

  test('passes through nodes that take no part, which learn nothing', async () => {
    const { world, nodes } = await line((at) => (at === 1 ? {} : { presence: true }));
    await world.run({ seconds: 31 });
    const [one, between, other] = nodes as [Witness, Witness, Witness];
    assert.deepEqual([one.presentNodes, other.presentNodes], [[other.id], [one.id]]);
    assert.deepEqual([between.presentNodes, between.joined], [[], []]);
    await world.end();
  });

  test('does not pass through nodes that pass on their own topics only, unless they take part', async () => {
    for (const presence of [true, false]) {
      const relays = { relayBroadcasts: 'subscribed', presence } as const;
      const { world, nodes } = await line((at) => (at === 1 ? relays : { presence: true }));
      await world.run({ seconds: 31 });
      const [one, between, other] = nodes as [Witness, Witness, Witness];
      const heard = presence ? [between.id, other.id].sort() : [];
      assert.deepEqual([...one.presentNodes].sort(), heard);
      await world.end();
    }
  });

  test('costs nothing without the option', async () => {
    const { world } = await line(() => ({}));
    await world.run({ minutes: 2 });
    assert.equal(world.metrics.broadcasts.sent, 0);
    await world.end();
  });
});
