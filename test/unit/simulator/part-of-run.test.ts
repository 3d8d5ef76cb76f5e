import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Node } from '../../../src/index.ts';
import {
  type PartOfRun,
  Simulation,
  type TimedFault,
  type WorldEvent,
} from '../../../src/simulator/index.ts';

/** Five nodes in a line, whose links break; it returns what the nodes report. */
async function run(only?: PartOfRun): Promise<{ events: string[]; faults: readonly TimedFault[] }> {
  const world = new Simulation({ seed: 3, latencyMs: { from: 1, to: 50 }, ...(only && { only }) });
  const events: string[] = [];
  world.on('event', ({ at, index, event, peer }: WorldEvent) =>
    events.push(`${at} ${index} ${event} ${peer?.name}`),
  );
  const nodes = world.spawn(5, ({ host, port, options }) => new Node(host, port, options));
  const dials = nodes
    .slice(1)
    .map((node, index) => node.connectWithNode(nodes[index]!.host, nodes[index]!.port, { reconnect: true }));
  void Promise.all(dials);
  await world.run({ seconds: 1 });
  for (let round = 0; round < 4; round++) {
    for (const node of nodes) node.sendToNodes(round);
    world.cut(0.4);
    await world.run({ seconds: 5 });
  }
  return { events, faults: world.faults };
}

suite('a part of a run', () => {
  test('with all its nodes and faults is the same run', async () => {
    const { events, faults } = await run();
    assert.equal(faults.length, 4);
    assert.deepEqual(await run({ nodes: [0, 1, 2, 3, 4], faults }), { events, faults });
  });

  test('has only its own faults, and nothing else changes before the first that is left out', async () => {
    const { events, faults } = await run();
    const part = await run({ faults: faults.slice(0, 2) });
    assert.deepEqual(part.faults, faults.slice(0, 2));
    const isBefore = (event: string): boolean => Number(event.split(' ')[0]) < faults[2]!.at;
    assert.deepEqual(part.events.filter(isBefore), events.filter(isBefore));
    assert.notDeepEqual(part.events, events);
  });

  test('has only its own nodes, which keep their numbers and their chance', async () => {
    const { events } = await run({ faults: [] });
    const part = await run({ nodes: [0, 1], faults: [] });
    // Node 2, which is not there, is a peer of node 1.
    const isAmong = (event: string): boolean => /^\S+ 0 |^\S+ 1 .* node 0$/.test(event);
    assert.deepEqual(part.events, events.filter(isAmong));
    assert.ok(part.events.length >= 10, `${part.events.length} events`);
  });

  test('refuses what is no part', () => {
    assert.throws(() => new Simulation({ only: { faults: [], node: [] } as PartOfRun }), TypeError);
  });
});

suite('a simulation', () => {
  test('fails where a handler does, unless the node handles node_error', async () => {
    class Weak extends Node {
      override nodeMessage(): void {
        throw new Error('too much');
      }
    }
    for (const isHandled of [false, true]) {
      const world = new Simulation();
      const [one, other] = world.spawn(2, ({ host, port, options }) => new Weak(host, port, options));
      if (isHandled) other!.on('node_error', () => {});
      await world.settle(one!.connectWithNode(other!.host, other!.port));
      one!.sendToNodes('x');
      assert.equal(world.isIdle, false);
      if (isHandled) await world.idle();
      else {
        await assert.rejects(world.idle(), {
          name: 'SimulationError',
          message: /^no handler fails: node 1: its handler of node_message failed, .* node_error: too much/,
        });
      }
      assert.deepEqual([world.hasFailed, world.isIdle], [!isHandled, true]);
    }
  });

  test('lets a dial fail at once whose link breaks before the dialler knows of it', async () => {
    const world = new Simulation({ latencyMs: 100 });
    const [one, other] = world.spawn(2, ({ host, port, options }) => new Node(host, port, options));
    const dial = one!.connectWithNode(other!.host, other!.port);
    dial.catch(() => {});
    await world.run(150);
    world.cut([other!]);
    await assert.rejects(world.settle(dial), { code: 'ERR_CONNECTION_CLOSED' });
    assert.ok(world.now < 1_000, `${world.now} ms`);
  });
});
