import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import { type Data, Node } from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { Simulation } from '../../src/simulator/index.ts';

/** SecureNodes with their vaults in files, each connected with the one before it. */
async function keepers(count: number, world: Simulation): Promise<SecureNode[]> {
  const nodes = world.spawn(
    count,
    ({ host, port, options }) => new SecureNode(host, port, { ...options, vault: { path: 'vault.db' } }),
  );
  const dials = nodes.slice(1).map((node, at) => node.connectWithNode(nodes[at]!.host, nodes[at]!.port));
  await world.settle(Promise.all(dials));
  return nodes;
}

const notFound = { code: 'ERR_NOT_FOUND' };

const large = 'x'.repeat(20_000);

const hasDisks = 'serialize' in DatabaseSync.prototype;

suite('simulated disks', { skip: !hasDisks && 'they need Node.js 24' }, () => {
  test('keep the vaults of nodes that stop, crash, or lose their power', async () => {
    const world = new Simulation({ seed: 5 });
    const nodes = await keepers(2, world);
    const ends = [
      () => world.stop([nodes[0]!]),
      () => world.crash([nodes[0]!]),
      () => world.crash([nodes[0]!], { power: 'off' }),
    ];
    let count = 0;
    for (const end of ends) {
      count += 1;
      await world.settle(nodes[0]!.vault.put('notes', `${count}`, { count, large }));
      end();
      await world.run({ seconds: 1 });
      world.restart();
      await world.run({ seconds: 1 });
      for (let at = 1; at <= count; at++) {
        const kept = await world.settle(nodes[0]!.vault.get(nodes[0]!.id, 'notes', `${at}`));
        assert.deepEqual(kept, { count: at, large });
      }
    }
    world.crash([nodes[0]!]);
    world.restart(1, { identity: 'new' });
    await world.run({ seconds: 1 });
    await assert.rejects(world.settle(nodes[0]!.vault.get(nodes[0]!.id, 'notes', '1')), notFound);
    await world.end();
  });

  test('fail every write while they are full, and harm nothing that is there', async () => {
    const world = new Simulation({ seed: 6 });
    const nodes = await keepers(3, world);
    const [alice, bob, carol] = nodes as [SecureNode, SecureNode, SecureNode];
    await world.settle(alice.vault.put('notes', 'one', 1));
    await world.settle(alice.vault.grant('notes', carol.id));
    await world.settle(alice.vault.addReplica('notes', bob.id));
    await world.run({ seconds: 5 });

    world.setDiskFull([alice, bob], true);
    const diskFull = { code: 'ERR_VAULT_FILE', message: /the disk is full/ };
    await assert.rejects(world.settle(alice.vault.put('notes', 'two', 2)), diskFull);
    await world.run({ minutes: 1 });
    await assert.rejects(world.settle(alice.vault.get(alice.id, 'notes', 'two')), notFound);
    assert.equal(await world.settle(carol.vault.get(alice.id, 'notes', 'one')), 1);

    // It starts again all the same, since reading needs no room.
    world.crash([alice]);
    world.restart();
    await world.run({ seconds: 1 });
    const again = nodes[0]!;
    await assert.rejects(world.settle(again.vault.put('notes', 'two', 2)), diskFull);
    await world.settle(again.connectWithNode(bob.host, bob.port));
    world.setDiskFull([again], false);
    await world.settle(again.vault.put('notes', 'two', 2));
    assert.equal(await world.settle(carol.vault.get(alice.id, 'notes', 'two')), 2);
    // The replica could not keep it, and catches up once it can.
    world.setDiskFull([bob], false);
    await world.settle(again.vault.put('notes', 'three', 3));
    await world.run({ minutes: 2 });
    world.crash([again]);
    for (const [name, number] of Object.entries({ one: 1, two: 2, three: 3 })) {
      assert.equal(await world.settle(carol.vault.get(alice.id, 'notes', name)), number);
    }
    assert.deepEqual(world.faults[0]!.fault, { kind: 'disk', nodes: [0, 1], full: true });
    await world.end();
  });

  test('lose what was not flushed when the power fails, and histories catch up', async () => {
    class Reader extends Node {
      readonly history: Data[] = [];
      override nodeBroadcast(_origin: string, data: Data): void {
        this.history.push(data);
      }
    }
    const world = new Simulation({ seed: 7 });
    const nodes = world.spawn(2, ({ host, port, options }) => {
      const node = new Reader(host, port, options);
      node.subscribe('log', { history: { path: 'log.db' } });
      return node;
    });
    const connect = () => nodes[0]!.connectWithNode(nodes[1]!.host, nodes[1]!.port);
    await world.settle(connect());
    await world.run({ seconds: 1 });
    nodes[0]!.broadcast('early', { topic: 'log' });
    await world.run({ minutes: 1 });
    nodes[0]!.broadcast('late', { topic: 'log' });
    await world.run({ seconds: 1 });
    assert.deepEqual(nodes[1]!.history, ['early', 'late']);

    world.crash([nodes[1]!], { power: 'off' });
    await world.run({ minutes: 2 });
    world.restart();
    await world.run({ seconds: 1 });
    await world.settle(connect());
    await world.run({ minutes: 1 });
    // It still had the early one; the late one comes again.
    assert.deepEqual(nodes[1]!.history, ['late']);
    await world.end();
  });
});
