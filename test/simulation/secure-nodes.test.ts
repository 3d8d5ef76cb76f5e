import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data, NodeConnection } from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { Simulation } from '../../src/simulator/index.ts';

class Keeper extends SecureNode {
  readonly letters: Data[] = [];

  override nodeMessage(_peer: NodeConnection, data: Data): void {
    this.letters.push(data);
  }
}

/** SecureNodes in a line: only neighbours are connected. */
async function line(count: number, seed: number): Promise<[Simulation, Keeper[]]> {
  const world = new Simulation({ seed, latencyMs: { from: 5, to: 50 }, jitterMs: 3 });
  const nodes = world.spawn(count, Keeper);
  const dials = nodes.slice(1).map((node, at) => node.connectWithNode(nodes[at]!.host, nodes[at]!.port));
  await world.settle(Promise.all(dials));
  await world.run({ seconds: 1 });
  return [world, nodes];
}

suite('simulated SecureNodes', () => {
  test('send letters, and share their vaults with the nodes that they choose', async () => {
    const run = async (seed: number): Promise<string> => {
      const [world, nodes] = await line(4, seed);
      const [alice, bob, , dora] = nodes as [Keeper, Keeper, Keeper, Keeper];
      await world.settle(alice.sendTo(dora.id, { text: 'for you' }));
      assert.deepEqual(dora.letters, [{ text: 'for you' }]);

      await world.settle(alice.vault.put('health', 'pulse', { bpm: 60 }));
      await assert.rejects(world.settle(dora.vault.get(alice.id, 'health', 'pulse')), {
        code: 'ERR_NOT_PERMITTED',
      });
      await world.settle(alice.vault.grant('health', dora.id));
      assert.deepEqual(await world.settle(dora.vault.get(alice.id, 'health', 'pulse')), { bpm: 60 });

      await world.settle(alice.vault.addReplica('health', bob.id));
      await world.settle(alice.vault.revoke('health', dora.id));
      await world.settle(alice.vault.put('health', 'pulse', { bpm: 70 }));
      await world.run({ seconds: 5 });
      await assert.rejects(world.settle(dora.vault.get(alice.id, 'health', 'pulse')));

      const encrypted = await world.settle(bob.encrypt(alice.id, { secret: 1 }));
      assert.deepEqual(await world.settle(alice.decrypt(encrypted)), { secret: 1 });
      await world.end();
      return world.digest;
    };
    assert.equal(await run(3), await run(3));
  });

  test('send letters along the path of a broadcast, and over all links when it breaks', async () => {
    const world = new Simulation({ seed: 5, latencyMs: { from: 5, to: 50 } });
    const nodes = world.spawn(8, Keeper);
    const [first, ...others] = nodes as [Keeper, ...Keeper[]];
    const last = others.at(-1)!;
    // Seven that are all connected with each other, and one that only the seventh is connected with.
    for (const [at, node] of others.entries()) {
      const known = node === last ? nodes.slice(at, at + 1) : nodes.slice(0, at + 1);
      for (const other of known) await world.settle(node.connectWithNode(other.host, other.port));
    }
    await world.run({ seconds: 1 });
    const text = 'x'.repeat(100_000);
    const lettersOver = async (): Promise<number> => {
      const before = world.metrics.bytes;
      await world.settle(first.sendTo(last.id, text));
      await world.run({ seconds: 10 });
      return (world.metrics.bytes - before) / text.length;
    };
    assert.ok((await lettersOver()) > 30, 'over nearly all links, twice');
    last.broadcast('here I am');
    await world.run({ seconds: 5 });
    const direct = await lettersOver();
    assert.ok(direct > 2 && direct < 2.5, `${direct}, over two or three links`);

    world.cut([first], [others[5]!]);
    await world.run({ seconds: 5 });
    await lettersOver();
    assert.deepEqual(last.letters, [text, text, text], 'once each');
    await world.end();
  });

  test('read a vault that its owner made, from a replica, after the owner has crashed', async () => {
    const [world, nodes] = await line(3, 4);
    const [alice, bob, carol] = nodes as [Keeper, Keeper, Keeper];
    await world.settle(alice.vault.put('notes', 'one', 'kept'));
    await world.settle(alice.vault.grant('notes', carol.id));
    await world.settle(alice.vault.addReplica('notes', bob.id));
    await world.run({ seconds: 5 });
    world.crash([alice]);
    assert.equal(await world.settle(carol.vault.get(alice.id, 'notes', 'one')), 'kept');
    await world.end();
  });
});
