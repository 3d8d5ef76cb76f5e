import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Node } from '../../src/index.ts';
import { Simulation, type SpawnPlace } from '../../src/simulator/index.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';
import { seeds } from '../support/seeds.ts';

class Hearer extends Node {
  readonly heard: Data[] = [];

  override nodeBroadcast(_origin: string, data: Data): void {
    this.heard.push(data);
  }
}

/** Nodes in a line: each is connected with the next one only. */
async function line(count: number): Promise<{ world: Simulation; nodes: Hearer[] }> {
  const world = new Simulation({ seed: 1 });
  const nodes = world.spawn(count, ({ host, port, options }) => new Hearer(host, port, options));
  for (const [at, node] of nodes.slice(1).entries()) {
    await world.settle(node.connectWithNode(nodes[at]!.host, nodes[at]!.port));
  }
  await world.run({ seconds: 1 });
  return { world, nodes };
}

/**
 * Nodes on a ring that never breaks, with other nodes whose connections break, freeze and come back all the time. Every
 * broadcast of a node on the ring must reach each of the ring once.
 */
async function ringInStorm(seed: number): Promise<void> {
  const chance = new SeededChance(seed).stream('test', 'acts');
  const below = (count: number): number => Math.floor(count * chance.random());
  const world = new Simulation({ seed, latencyMs: { from: 5, to: 100 }, jitterMs: 20, loss: 0.01 });
  const make = ({ host, port, options }: SpawnPlace): Hearer => new Hearer(host, port, options);
  const ring = world.spawn(10, make);
  const shaky = world.spawn(6, make);
  const pickRing = (): Hearer => ring[below(10)]!;
  const pickShaky = (): Hearer => shaky[below(6)]!;
  const dial = (from: Hearer, to: Hearer): void => {
    if (!world.isRunning(from)) return;
    from.connectWithNode(to.host, to.port, { reconnect: chance.random() < 0.5 }).catch(() => {});
  };
  await world.run(1);
  for (const [at, node] of ring.entries()) dial(node, ring[(at + 1) % ring.length]!);
  await world.run({ seconds: 1 });

  const sent = new Map<Hearer, string[]>(ring.map((node) => [node, []]));
  const acts = [
    () => dial(pickShaky(), pickRing()),
    () => dial(pickShaky(), pickRing()),
    () => dial(pickRing(), pickShaky()),
    () => world.crash([pickShaky()], chance.random() < 0.5 ? {} : { power: 'off' }),
    () => world.restart(),
    () => world.pause([pickShaky()]),
    () => world.resume(shaky),
    () => world.cut(shaky),
    () => world.halfCut([pickShaky()], ring),
    () => world.heal(),
  ];
  for (let act = 0; act < 300; act++) {
    if (chance.random() < 0.5) {
      acts[below(acts.length)]!();
    } else {
      const text = `${act}`.padEnd(chance.random() < 0.1 ? 20_000 : 10);
      const origin = pickRing();
      origin.broadcast(text);
      sent.get(origin)!.push(text);
    }
    await world.run(200 * chance.random());
  }
  await world.run({ seconds: 20 });
  for (const node of ring) {
    const expected = [...sent].flatMap(([origin, texts]) => (origin === node ? [] : texts));
    assert.deepEqual(node.heard.map(String).sort(), expected.sort(), `seed ${seed}`);
  }
  for (const { heard } of shaky) assert.equal(new Set(heard).size, heard.length, `seed ${seed}`);
  world.resume(shaky);
  world.heal();
  await world.end();
}

const hourMs = 3_600_000;

suite('broadcasts on virtual time', () => {
  test('reach others again when a clock that was an hour ahead is right again', async () => {
    const { world, nodes } = await line(3);
    const [one, wrong, other] = nodes as [Hearer, Hearer, Hearer];
    world.jump(wrong, hourMs);
    for (let minute = 0; minute < 10; minute++) {
      wrong.broadcast('from the future');
      await world.run({ minutes: 1 });
    }
    assert.deepEqual([...one.heard, ...other.heard], [], 'its time is wrong');
    world.jump(wrong, -hourMs);
    wrong.broadcast('right');
    one.broadcast('through the node in the middle');
    await world.run({ seconds: 10 });
    assert.deepEqual(one.heard, ['right']);
    assert.deepEqual(wrong.heard, ['through the node in the middle']);
    assert.deepEqual(other.heard, ['right', 'through the node in the middle']);
    await world.end();
  });

  test('reach a node whose only link opens a moment later, once, and the nodes behind it', async () => {
    const { world, nodes } = await line(3);
    const late = world.spawn(2, ({ host, port, options }) => new Hearer(host, port, options));
    await world.run({ seconds: 1 });
    await world.settle(late[1]!.connectWithNode(late[0]!.host, late[0]!.port));
    for (const text of ['one', 'two', 'x'.repeat(20_000)]) nodes[0]!.broadcast(text);
    await world.run({ seconds: 20 });
    for (const node of nodes) void node.connectWithNode(late[0]!.host, late[0]!.port);
    await world.run({ seconds: 5 });
    const texts = ['one', 'two', 'x'.repeat(20_000)];
    for (const { heard } of [...nodes.slice(1), ...late]) assert.deepEqual(heard, texts);
    nodes[0]!.broadcast('next');
    await world.run({ seconds: 5 });
    assert.deepEqual(late[1]!.heard, [...texts, 'next']);
    await world.end();
  });

  test('of one turn arrive, also when their origin stops in it', async () => {
    const { world, nodes } = await line(3);
    for (const text of ['one', 'two', 'three']) nodes[0]!.broadcast(text);
    await world.run({ seconds: 1 });
    nodes[0]!.broadcast('four');
    await world.run(2);
    // The round trip is known, so the node holds back what follows so closely.
    for (const text of ['five', 'six']) nodes[0]!.broadcast(text);
    void nodes[0]!.stop();
    await world.run({ seconds: 5 });
    for (const { heard } of nodes.slice(1))
      assert.deepEqual(heard, ['one', 'two', 'three', 'four', 'five', 'six']);
    await world.end();
  });

  test('reach every node that stays connected once, whatever happens to the others', async () => {
    for (const seed of seeds) await ringInStorm(seed);
  });

  test('are counted: how many nodes they reach, over how many links, and how often twice', async () => {
    const { world, nodes } = await line(5);
    nodes[0]!.broadcast('along the line');
    await world.run({ seconds: 5 });
    const one = {
      sent: 1,
      received: 4,
      deliveryRatio: 1,
      hops: { mean: 2.5, max: 4 },
      lastHop: 4,
      redundancy: 0,
    };
    assert.deepEqual(world.metrics.broadcasts, one);
    world.crash([nodes[2]!]);
    nodes[1]!.broadcast('to one neighbour');
    await world.run({ seconds: 5 });
    const { sent, received, deliveryRatio, lastHop } = world.metrics.broadcasts;
    assert.deepEqual([sent, received, deliveryRatio, lastHop], [2, 5, 5 / 7, 2.5]);
    await world.end();
  });

  test('of a ring come twice where the two ways meet, until the tree has formed', async () => {
    const { world, nodes } = await line(4);
    await world.settle(nodes[3]!.connectWithNode(nodes[0]!.host, nodes[0]!.port));
    await world.run({ seconds: 1 });
    nodes[0]!.broadcast('first');
    await world.run({ seconds: 5 });
    const { redundancy } = world.metrics.broadcasts;
    assert.ok(redundancy > 0, `${redundancy}`);
    for (let count = 0; count < 9; count++) {
      nodes[0]!.broadcast(`after ${count}`);
      await world.run({ seconds: 1 });
    }
    assert.ok(world.metrics.broadcasts.redundancy <= redundancy / 9);
    await world.end();
  });

  test('have times of their own, and arrive, when a clock is set back a little', async () => {
    const { world, nodes } = await line(2);
    const [one, other] = nodes as [Hearer, Hearer];
    one.broadcast('again');
    world.jump(one, -30_000);
    one.broadcast('again');
    await world.run({ seconds: 10 });
    assert.deepEqual(other.heard, ['again', 'again']);
    await world.end();
  });

  test('arrive in the order of their origin where a node asks for it, and in another one elsewhere', async () => {
    const world = new Simulation({ seed: 3, latencyMs: { from: 5, to: 400 }, jitterMs: 50 });
    const nodes = world.spawn(12, ({ host, port, options }) => new Hearer(host, port, options));
    await world.run(1);
    const dial = (from: number, to: number): void => {
      const { host, port } = nodes[to % nodes.length]!;
      nodes[from]!.connectWithNode(host, port).catch(() => {});
    };
    for (const [at, node] of nodes.entries()) {
      node.subscribe('count', { ordered: at % 2 === 0 });
      dial(at, at + 1);
      if (at < 6) dial(at, at + 5);
    }
    await world.run({ seconds: 10 });
    const sent = new Map([nodes[1]!, nodes[2]!].map((node) => [node, [] as string[]]));
    for (let count = 0; count < 100; count++) {
      for (const [node, datas] of sent) {
        const data = `${nodes.indexOf(node)} ${count}`;
        node.broadcast(data, { topic: 'count' });
        datas.push(data);
      }
      // The ring stays: there is always a path.
      const [from, to] = [nodes[count % 6]!, nodes[(count % 6) + 5]!];
      if (count % 10 === 0) world.cut([from], [to]);
      if (count % 10 === 5) world.heal();
      if (count % 10 === 7) dial(count % 6, (count % 6) + 5);
      await world.run(50);
    }
    await world.run({ seconds: 20 });
    let unordered = 0;
    for (const [at, node] of nodes.entries()) {
      for (const [origin, datas] of sent) {
        if (node === origin) continue;
        const heard = node.heard.filter((data) => `${data}`.startsWith(`${nodes.indexOf(origin)} `));
        const isOrdered = JSON.stringify(heard) === JSON.stringify(datas);
        if (at % 2 === 0) assert.ok(isOrdered, `node ${at}`);
        else if (!isOrdered) unordered += 1;
        assert.equal(heard.length, datas.length);
      }
      assert.equal(node.broadcastCountDropped, 0);
    }
    assert.ok(unordered > 0, 'the network does not keep the order by itself');
    await world.end();
  });

  test('of a topic with a key and a history reach a node that joins late, in order', async () => {
    const { world, nodes } = await line(3);
    const [one, middle, late] = nodes as [Hearer, Hearer, Hearer];
    const options = { topicKey: 'secret', history: {}, ordered: true };
    for (const node of [one, middle]) await world.settle(node.subscribe('chat', options));
    const isHistory: boolean[] = [];
    late.on('node_broadcast', (_origin, _data, details) => void isHistory.push(details.isHistory));
    one.broadcast('first', { topic: 'chat' });
    one.broadcast('second', { topic: 'chat' });
    await world.run({ seconds: 20 });
    assert.deepEqual(late.heard, []);
    await world.settle(late.subscribe('chat', options));
    await world.run({ seconds: 20 });
    one.broadcast('third', { topic: 'chat' });
    await world.run({ seconds: 5 });
    assert.deepEqual(middle.heard, ['first', 'second', 'third']);
    assert.deepEqual([late.heard, isHistory], [middle.heard, [true, true, false]]);
    await world.end();
  });
});
