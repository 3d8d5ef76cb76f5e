import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Node } from '../../src/index.ts';
import { Simulation } from '../../src/simulator/index.ts';

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
});
