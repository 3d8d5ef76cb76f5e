import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Node, type NodeConnection } from '../../src/index.ts';
import { Simulation, type SimulationOptions, type SpawnPlace } from '../../src/simulator/index.ts';
import { randomWorld } from '../support/random-world.ts';

type Mode = 'wire' | 'fast';

function textOf(data: Data): string {
  return JSON.stringify(data, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
}

/** Passes on whatever it hears, once; some of it only after a while. */
class Gossip extends Node {
  readonly heard = new Set<string>();
  waitMs = 0;
  #wait: (ms: number) => Promise<void>;

  constructor({ host, port, options }: SpawnPlace) {
    super(host, port, options);
    this.#wait = (ms) => new Promise((resolve) => options.runtime.setTimeout(resolve, ms));
  }

  tell(data: Data): void {
    this.heard.add(textOf(data));
    this.sendToNodes(data);
  }

  override nodeMessage(peer: NodeConnection, data: Data): void | Promise<void> {
    const text = textOf(data);
    if (this.heard.has(text)) return;
    this.heard.add(text);
    this.sendToNodes(data, { exclude: [peer] });
    if (this.waitMs > 0) return this.#wait(this.waitMs);
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return data;
  }

  override nodeBroadcast(_origin: string, data: Data): void {
    this.heard.add(textOf(data));
  }
}

/** Nodes in a ring with chords. */
async function network(count: number, options: SimulationOptions): Promise<[Simulation, Gossip[]]> {
  const world = new Simulation({ seed: 5, latencyMs: { from: 10, to: 100 }, ...options });
  const nodes = world.spawn(count, (place) => new Gossip(place));
  const dials = nodes.flatMap((node, at) =>
    [1, 5].map((step) => {
      const { host, port } = nodes[(at + step) % count]!;
      return node.connectWithNode(host, port, { reconnect: at % 4 === 0 });
    }),
  );
  await world.settle(Promise.all(dials));
  return [world, nodes];
}

/** Programs of which both modes make the same events. */
const programs: Record<string, (mode: Mode) => Promise<Simulation>> = {
  async 'texts, numbers, lists and objects'(mode) {
    const [world, nodes] = await network(30, { mode });
    const said: Data[] = ['text', 7, 1.5, true, null, ['a', [1]], { a: 1, b: { c: [] }, d: 'é"' }, [], {}];
    for (const [at, data] of said.entries()) nodes[at]!.tell(data);
    await world.run({ seconds: 5 });
    assert.ok(nodes.every(({ heard }) => heard.size === said.length));
    return world;
  },

  async 'data that has to be encoded'(mode) {
    const [world, nodes] = await network(10, { mode });
    const said: Data[] = [
      -0,
      Number.NaN,
      2n,
      new Uint8Array(5),
      { floats: new Float32Array(3) },
      'x'.repeat(9_000),
    ];
    for (const data of said) for (const peer of nodes[0]!.allNodes) peer.send(data);
    nodes[1]!.sendToNodes('compressed '.repeat(20), { compression: 'zlib' });
    await world.run({ seconds: 5 });
    return world;
  },

  async 'jitter and loss, many messages in one turn'(mode) {
    const [world, nodes] = await network(20, { mode, jitterMs: 20, loss: 0.1 });
    for (let count = 0; count < 20; count++) nodes[count % 5]!.tell(`rumour ${count}`);
    await world.run({ seconds: 30 });
    return world;
  },

  async 'messages among deliveries, requests and broadcasts'(mode) {
    const [world, nodes] = await network(12, { mode });
    const [peer] = nodes[0]!.allNodes;
    peer!.send('before');
    const delivered = peer!.deliver('delivered');
    peer!.send('after');
    const answered = peer!.request({ question: 1 });
    nodes[3]!.broadcast({ text: 'to all' });
    peer!.send('last');
    await world.settle(Promise.all([delivered, answered]));
    await world.run({ seconds: 5 });
    return world;
  },

  async 'handlers that take their time'(mode) {
    const [world, nodes] = await network(12, { mode });
    for (const node of nodes.slice(0, 6)) node.waitMs = 700;
    for (let count = 0; count < 30; count++) nodes[count % 12]!.tell({ number: count });
    await world.idle();
    return world;
  },

  async 'a window that is used up'(mode) {
    const [world, nodes] = await network(6, { mode });
    nodes[1]!.waitMs = 1;
    const peer = nodes[0]!.allNodes.find(({ id }) => id === nodes[1]!.id)!;
    for (let count = 0; count < 1_500; count++) peer.send(`${count} `.padEnd(3_000, '.'));
    await world.run({ until: () => nodes[1]!.heard.size >= 1_500 });
    return world;
  },

  async 'crashes, partitions, pauses and slow machines'(mode) {
    const [world, nodes] = await network(20, { mode, jitterMs: 5 });
    world.churn({ perMinute: 60 });
    for (let round = 0; round < 20; round++) {
      const sender = nodes[round]!;
      if (world.isRunning(sender)) sender.tell(`round ${round}`);
      await world.run(40);
      if (round === 5) world.partition(nodes.slice(0, 5));
      if (round === 9) world.pause(nodes.slice(6, 9));
      if (round === 12) world.slow(nodes.slice(10, 13), 15);
      if (round === 15) world.heal();
      if (round === 16) world.resume(nodes);
    }
    world.heal();
    await world.run({ seconds: 60 });
    return world;
  },
};

suite('the fast mode of a simulation', () => {
  for (const [name, program] of Object.entries(programs)) {
    test(`makes the same events as real bytes: ${name}`, async () => {
      const [wire, fast] = [await program('wire'), await program('fast')];
      assert.ok(wire.metrics.messages.received > 10);
      assert.equal(fast.digest, wire.digest);
      assert.deepEqual(fast.metrics.messages, wire.metrics.messages);
    });
  }

  test('makes the same events as real bytes in worlds where everything goes wrong that can', async () => {
    for (const seed of [1, 2]) {
      const [wire, fast] = [await randomWorld(seed), await randomWorld(seed, 'fast')];
      assert.equal(fast.digest, wire.digest, `seed ${seed}`);
    }
  });

  test('gives each receiver data of its own', async () => {
    class Changer extends Node {
      readonly got: Data[] = [];

      override nodeMessage(_peer: NodeConnection, data: Data): void {
        this.got.push(structuredClone(data));
        (data as { list: number[] }).list.push(9);
      }
    }
    const world = new Simulation({ mode: 'fast' });
    const nodes = world.spawn(4, Changer);
    const dials = nodes.slice(1).map(({ host, port }) => nodes[0]!.connectWithNode(host, port));
    await world.settle(Promise.all(dials));
    const data = { list: [1] };
    nodes[0]!.sendToNodes(data);
    data.list.push(2);
    await world.run({ seconds: 1 });
    for (const { got } of nodes.slice(1)) assert.deepEqual(got, [{ list: [1] }]);
    assert.deepEqual(data, { list: [1, 2] });
    await world.end();
  });

  test('does not encode small messages', async () => {
    const [world, nodes] = await network(4, { mode: 'fast' });
    await world.run({ seconds: 1 });
    const receiver = nodes[2]!;
    const received: Data[] = [];
    receiver.nodeMessage = (_peer, data) => void received.push(data);
    const before = world.metrics.bytes;
    // As JSON, each digit takes a byte.
    nodes[1]!.allNodes.find(({ id }) => id === receiver.id)!.send(1e300 / 3);
    await world.run({ seconds: 1 });
    assert.deepEqual(received, [1e300 / 3]);
    assert.ok(world.metrics.bytes - before < 20);
    await world.end();
  });

  test('encodes all messages where bandwidth counts', async () => {
    const bytes = async (mode: Mode): Promise<number> => {
      const [world, nodes] = await network(6, { mode, bytesPerSecond: 100_000 });
      nodes[0]!.tell([1, 2, 3]);
      await world.run({ seconds: 3 });
      return world.metrics.bytes;
    };
    assert.equal(await bytes('fast'), await bytes('wire'));
  });

  test('has a name that is checked', () => {
    assert.throws(
      () => new Simulation({ mode: 'quick' as 'fast' }),
      /mode must be 'wire' or 'fast', not 'quick'/,
    );
  });
});
