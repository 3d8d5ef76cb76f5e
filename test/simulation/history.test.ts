import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type BroadcastDetails, bootstrap, type Data, type HistoryOptions, Node } from '../../src/index.ts';
import { Simulation, type SpawnPlace } from '../../src/simulator/index.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';
import { seeds } from '../support/seeds.ts';

class Keeper extends Node {
  readonly heard: Data[] = [];
  /** Of what was heard, what came from a history. */
  readonly caughtUp: Data[] = [];

  override nodeBroadcast(_origin: string, data: Data, { isHistory }: BroadcastDetails): unknown {
    this.heard.push(data);
    if (isHistory) this.caughtUp.push(data);
    return undefined;
  }
}

const topic = 'chat';

interface World {
  readonly world: Simulation;
  readonly nodes: Keeper[];
}

/** Nodes that keep the topic. Each is connected with the next one only, unless there are other links. */
async function keepers(
  count: number,
  {
    history = () => ({}),
    links,
  }: { history?: (index: number) => HistoryOptions; links?: [number, number][] } = {},
): Promise<World> {
  const world = new Simulation({ seed: 1 });
  const nodes = world.spawn(count, ({ host, port, options }: SpawnPlace) => new Keeper(host, port, options));
  for (const [index, node] of nodes.entries()) node.subscribe(topic, { history: history(index) });
  const line = nodes.slice(1).map((_, at): [number, number] => [at, at + 1]);
  for (const [from, to] of links ?? line) await connect(world, nodes[from]!, nodes[to]!);
  await world.run({ seconds: 1 });
  return { world, nodes };
}

async function connect(world: Simulation, from: Node, to: Node): Promise<void> {
  await world.settle(from.connectWithNode(to.host, to.port));
}

/** A broadcast each second. */
async function chat(world: Simulation, from: Node, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    from.broadcast(text, { topic });
    await world.run({ seconds: 1 });
  }
}

function texts(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name} ${index}`);
}

function sorted(data: readonly Data[]): string[] {
  return data.map(String).sort();
}

/** What it takes two nodes to see that they are alive. */
async function bytesOfIdleHour(): Promise<number> {
  const world = new Simulation({ seed: 1 });
  const [one, other] = world.spawn(2, Keeper) as [Keeper, Keeper];
  await connect(world, one, other);
  await world.run({ minutes: 5 });
  const bytesBefore = world.metrics.bytes;
  await world.run({ hours: 1 });
  const bytes = world.metrics.bytes - bytesBefore;
  await world.end();
  return bytes;
}

/**
 * Keepers on a ring crash, come back with nothing, and are cut off from each other. In the end, when nothing happens any
 * more, all of them know the same, and each of them once.
 */
async function keepersInStorm(seed: number): Promise<void> {
  const chance = new SeededChance(seed).stream('test', 'acts');
  const below = (count: number): number => Math.floor(count * chance.random());
  const world = new Simulation({ seed, latencyMs: { from: 5, to: 100 }, jitterMs: 20, loss: 0.01 });
  const size = 6;
  world.spawn(size, ({ host, port, options }) => {
    const keeper = new Keeper(host, port, options);
    keeper.subscribe(topic, { history: { maxMessages: 5_000 } });
    return keeper;
  });
  const at = (index: number): Keeper => world.nodes[index % size] as Keeper;
  const dial = (index: number): void => {
    const [from, to] = [at(index), at(index + 1)];
    if (world.isRunning(from)) from.connectWithNode(to.host, to.port, { reconnect: true }).catch(() => {});
  };
  const knownBy = new Map<Keeper, Set<string>>();
  const known = (keeper: Keeper): Set<string> => {
    const own = knownBy.get(keeper) ?? new Set();
    knownBy.set(keeper, own);
    return own;
  };
  await world.run(1);
  for (let index = 0; index < size; index++) dial(index);
  const acts = [
    () => world.crash([at(below(size))]),
    () => world.restart(),
    () => world.partition([at(below(size)), at(below(size))]),
    () => world.heal(),
    () => world.jump(at(below(size)), 60_000 * (chance.random() - 0.5)),
    () => dial(below(size)),
    () => dial(below(size)),
  ];
  for (let act = 0; act < 150; act++) {
    const speaker = at(below(size));
    if (chance.random() < 0.4) acts[below(acts.length)]!();
    else if (world.isRunning(speaker)) {
      const text = `${act}`;
      speaker.broadcast(text, { topic });
      known(speaker).add(text);
    }
    await world.run(4_000 * chance.random());
  }
  world.heal();
  for (let index = 0; index < size; index++) world.restart();
  await world.run({ seconds: 1 });
  for (let index = 0; index < size; index++) dial(index);
  await world.run({ minutes: 8 });
  const sets = Array.from({ length: size }, (_, index) => {
    const keeper = at(index);
    assert.equal(new Set(keeper.heard).size, keeper.heard.length, `seed ${seed}: once`);
    return [...known(keeper), ...keeper.heard.map(String)].sort();
  });
  assert.ok(sets[0]!.length > 10, `seed ${seed}: ${sets[0]!.length}`);
  for (const set of sets) assert.deepEqual(set, sets[0], `seed ${seed}`);
  await world.end();
}

suite('histories on virtual time', () => {
  test('give a node that joins late what it missed, once and in order', async () => {
    const { world, nodes } = await keepers(3, { links: [[0, 1]] });
    const [one, other, late] = nodes as [Keeper, Keeper, Keeper];
    const said = texts('line', 200);
    await chat(world, one, said);
    await world.run({ seconds: 5 });
    await connect(world, late, other);
    await world.idle();
    assert.deepEqual(late.caughtUp, said);
    await chat(world, one, ['live']);
    await world.run({ minutes: 5 });
    assert.deepEqual(late.heard, [...said, 'live']);
    assert.deepEqual(other.heard, [...said, 'live']);
    await world.end();
  });

  test('make both sides of a healed partition whole, through nodes that pass it on', async () => {
    const { world, nodes } = await keepers(6);
    const [left, right] = [nodes.slice(0, 3), nodes.slice(3)];
    await chat(world, nodes[0]!, texts('before', 40));
    world.partition(left, right);
    await world.run({ minutes: 1 });
    for (let minute = 0; minute < 10; minute++) {
      nodes[0]!.broadcast(`left ${minute}`, { topic });
      nodes[5]!.broadcast(`right ${minute}`, { topic });
      await world.run({ minutes: 1 });
    }
    world.heal();
    await connect(world, nodes[2]!, nodes[3]!);
    await world.run({ seconds: 30 });
    const said = [...texts('before', 40), ...texts('left', 10), ...texts('right', 10)];
    for (const [index, { id, heard }] of nodes.entries()) {
      const own = index === 0 ? /^(before|left)/ : index === 5 ? /^right/ : /^$/;
      assert.deepEqual(sorted(heard), said.filter((text) => !own.test(text)).sort(), id);
    }
    assert.deepEqual(nodes[3]!.caughtUp, texts('left', 10));
    assert.deepEqual(nodes[0]!.caughtUp, texts('right', 10));
    await world.end();
  });

  test('leave a node that was away for an hour nothing that other keepers still keep', async () => {
    const { world, nodes } = await keepers(3, {
      history: () => ({ maxMessages: 300 }),
      links: [
        [0, 1],
        [0, 2],
      ],
    });
    const [one, , away] = nodes as [Keeper, Keeper, Keeper];
    await chat(world, one, texts('before', 100));
    world.crash([away]);
    for (const text of texts('meanwhile', 360)) {
      one.broadcast(text, { topic });
      await world.run({ seconds: 10 });
    }
    world.restart();
    const again = world.nodes.at(-1) as Keeper;
    again.subscribe(topic, { history: { maxMessages: 300 } });
    await connect(world, again, nodes[1]!);
    await world.run({ minutes: 1 });
    assert.deepEqual(again.caughtUp, texts('meanwhile', 360).slice(-300));
    await world.end();
  });

  test('of a session that was suspended for an hour come when it resumes', async () => {
    const world = new Simulation({ seed: 1 });
    const limits = { sessionTimeoutMs: 4 * 3_600_000 };
    const nodes = world.spawn(2, ({ host, port, options }) => new Keeper(host, port, { ...options, limits }));
    const [one, other] = nodes as [Keeper, Keeper];
    for (const node of nodes) node.subscribe(topic, { history: {} });
    await world.settle(one.connectWithNode(other.host, other.port, { reconnect: true }));
    world.partition([one]);
    await world.run({ minutes: 10 });
    await chat(world, one, texts('unheard', 100));
    await world.run({ minutes: 50 });
    assert.deepEqual(other.heard, []);
    world.heal();
    await world.run({ minutes: 10 });
    assert.deepEqual(sorted(other.heard), texts('unheard', 100).sort());
    await world.end();
  });

  test('move no bytes at rest, whatever each side keeps', async () => {
    const { world, nodes } = await keepers(2, {
      history: (at) => ({ maxMessages: at === 0 ? 1_000 : 10_000 }),
    });
    const [small, large] = nodes as [Keeper, Keeper];
    for (let count = 0; count < 1_100; count++) {
      large.broadcast(`${count}`, { topic });
      if (count % 20 === 0) await world.run({ seconds: 1 });
    }
    await world.run({ minutes: 5 });
    assert.deepEqual([small.heard.length, small.caughtUp.length, large.heard.length], [1_100, 0, 0]);
    const bytesBefore = world.metrics.bytes;
    await world.run({ hours: 1 });
    const bytes = world.metrics.bytes - bytesBefore;
    await world.end();
    assert.equal(bytes, await bytesOfIdleHour(), 'what two nodes without a history send');
  });

  test('of 100 beside 1,000 give a third node what each has room for', async () => {
    const bounds = [100, 1_000, 200];
    const { world, nodes } = await keepers(3, {
      history: (at) => ({ maxMessages: bounds[at]! }),
      links: [[0, 1]],
    });
    const [small, large, late] = nodes as [Keeper, Keeper, Keeper];
    const said = texts('line', 300);
    for (const [count, text] of said.entries()) {
      small.broadcast(text, { topic });
      if (count % 20 === 0) await world.run({ seconds: 1 });
    }
    await world.run({ minutes: 1 });
    await connect(world, late, small);
    await world.idle();
    assert.deepEqual(late.caughtUp, said.slice(-100));
    await connect(world, late, large);
    await world.run({ minutes: 5 });
    assert.equal(new Set(late.heard).size, late.heard.length);
    assert.deepEqual(sorted(late.heard), said.slice(-200).sort());
    await world.end();
  });

  test('with a path are there when the node starts again, and it hears only what is new', async (t: TestContext) => {
    const folder = mkdtempSync(join(tmpdir(), 'history-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'chat.db');
    const { world, nodes } = await keepers(2, { history: (at) => (at === 1 ? { path } : {}) });
    const [one, durable] = nodes as [Keeper, Keeper];
    await chat(world, one, texts('before', 20));
    world.stop(durable);
    await chat(world, one, texts('meanwhile', 20));
    world.restart();
    const again = world.nodes.at(-1) as Keeper;
    again.subscribe(topic, { history: { path } });
    await connect(world, again, one);
    await world.run({ minutes: 1 });
    assert.deepEqual(again.heard, texts('meanwhile', 20));
    const late = world.spawn(1, ({ host, port, options }) => new Keeper(host, port, options))[0]!;
    late.subscribe(topic, { history: {} });
    await connect(world, late, again);
    await world.run({ minutes: 1 });
    assert.deepEqual(late.heard, [...texts('before', 20), ...texts('meanwhile', 20)]);
    await world.end();
  });

  test('keep what is broadcast without a neighbour, for those who come', async () => {
    const { world, nodes } = await keepers(2, { links: [] });
    const [one, other] = nodes as [Keeper, Keeper];
    assert.equal(one.broadcast('alone', { topic }).neighbours, 0);
    await world.run({ minutes: 10 });
    await connect(world, one, other);
    await world.idle();
    assert.deepEqual(other.caughtUp, ['alone']);
    await world.end();
  });

  test('give nothing that is too old', async () => {
    const { world, nodes } = await keepers(3, { history: () => ({ maxAgeMs: 60_000 }), links: [[0, 1]] });
    const [one, other, late] = nodes as [Keeper, Keeper, Keeper];
    await chat(world, one, texts('line', 100));
    await connect(world, late, other);
    await world.idle();
    const { heard, caughtUp } = late;
    assert.deepEqual(sorted(heard), texts('line', 100).slice(-heard.length).sort());
    assert.ok(heard.length >= 58 && heard.length <= 60, `${heard.length}`);
    assert.ok(caughtUp.length > 20, 'a new neighbour tells of the last 30 seconds alone');
    await world.end();
  });

  test('find each other in a network of nodes that do not keep the topic, and part again', async () => {
    const world = new Simulation({ seed: 1, latencyMs: { from: 10, to: 100 } });
    const discovery = [bootstrap(['10.0.0.1:10001', '10.0.0.2:10001'])];
    const nodes = world.spawn(
      16,
      ({ host, port, options }) =>
        new Keeper(host, port, { ...options, discovery, neighbourhood: { active: 3 } }),
    );
    await world.run({ seconds: 30 });
    const neighboursOf = ({ neighbourhood }: Keeper): string[] => neighbourhood.active.map(({ id }) => id);
    // The first three of which none is a neighbour of another.
    const apart: Keeper[] = [];
    for (const node of nodes) {
      const isApart = apart.every(
        (other) => !neighboursOf(node).includes(other.id) && !neighboursOf(other).includes(node.id),
      );
      if (isApart && apart.length < 3) apart.push(node);
    }
    const [one, other, late] = apart as [Keeper, Keeper, Keeper];
    for (const node of [one, other]) node.subscribe(topic, { history: {} });
    await world.run({ minutes: 1 });
    assert.ok(one.allNodes.some(({ id }) => id === other.id));
    const said = texts('line', 20);
    await chat(world, one, said);
    late.subscribe(topic, { history: {} });
    await world.run({ minutes: 1 });
    assert.deepEqual(late.caughtUp, said);
    for (const node of apart) node.unsubscribe(topic);
    await world.run({ seconds: 30 });
    const isLinked = (a: Keeper, b: Keeper): boolean =>
      a.allNodes.some(({ id }) => id === b.id) &&
      !neighboursOf(a).includes(b.id) &&
      !neighboursOf(b).includes(a.id);
    for (const a of apart)
      for (const b of apart) assert.ok(a === b || !isLinked(a, b), 'no link is left for the topic');
    await world.end();
  });

  test('are the same everywhere after a storm of crashes and partitions', async () => {
    for (const seed of seeds) await keepersInStorm(seed);
  });

  test('hand a slow handler later what it had no time for', async () => {
    const { world, nodes } = await keepers(2, { history: () => ({ maxMessages: 10_000 }) });
    const [one, slow] = nodes as [Keeper, Keeper];
    slow.on(
      'node_broadcast',
      () => new Promise<void>((resolve) => slow.checkedRuntime.setTimeout(resolve, 10)),
    );
    const said = texts('line', 1_500);
    for (const [count, text] of said.entries()) {
      one.broadcast(text, { topic });
      if (count % 100 === 99) await world.run({ milliseconds: 50 });
    }
    await world.run({ minutes: 2 });
    assert.equal(slow.broadcastCountDropped, 0);
    assert.deepEqual(slow.heard, said);
    assert.ok(slow.caughtUp.length > 100);
    await world.end();
  });
});
