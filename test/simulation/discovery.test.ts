import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity, Node, PeerloomError } from '../../src/index.ts';
import { Simulation } from '../../src/simulator/index.ts';

/** Nodes in a line: each is connected with the next one only. */
async function line(count: number): Promise<{ world: Simulation; nodes: Node[] }> {
  const world = new Simulation({ seed: 1 });
  const nodes = world.spawn(count, Node);
  for (const [at, node] of nodes.slice(1).entries()) {
    await world.settle(node.connectWithNode(nodes[at]!.host, nodes[at]!.port));
  }
  await world.run({ seconds: 1 });
  return { world, nodes };
}

suite('a node that is looked for by its id', () => {
  test('is found up to six links away, and connected with', async () => {
    const { world, nodes } = await line(8);
    const [first, ...others] = nodes as [Node, ...Node[]];
    const connection = await world.settle(first.connectWithNode(others[5]!.id));
    assert.equal(connection.id, others[5]!.id);
    assert.equal(connection.direction, 'outbound');
    assert.ok(first.knownNodes.some(({ id, isConnected }) => id === others[5]!.id && isConnected));
    await world.end();
  });

  test('is not looked for further away, and the error says what to do', async () => {
    const { world, nodes } = await line(8);
    const startedAt = world.now;
    await assert.rejects(world.settle(nodes[0]!.connectWithNode(nodes[7]!.id)), (error) => {
      assert.ok(error instanceof PeerloomError);
      assert.equal(error.code, 'ERR_NODE_UNKNOWN');
      assert.match(
        error.message,
        /no address of the node 12D3KooW\w+ is known, and none of the nodes that its neighbour/,
      );
      return true;
    });
    assert.ok(world.now - startedAt < 1_000, `${world.now - startedAt} ms: all say that they know none`);
    await world.end();
  });

  test('is connected with at once if it is a peer, and again at its known address if it was one', async () => {
    const { world, nodes } = await line(3);
    const [first, second, third] = nodes as [Node, Node, Node];
    const peer = first.allNodes[0]!;
    assert.equal(await world.settle(first.connectWithNode(second.id)), peer);
    await world.settle(peer.stop());
    await world.run({ seconds: 1 });
    assert.equal(first.allNodes.length, 0);
    const again = await world.settle(first.connectWithNode(second.id));
    assert.notEqual(again, peer);
    const watched = await world.settle(first.connectWithNode(third.id, { reconnect: true }));
    world.cut([first], [third]);
    await world.run({ seconds: 60 });
    world.heal();
    await world.run({ minutes: 2 });
    assert.ok(watched.isOpen && !watched.isSuspended);
    await world.end();
  });

  test('is looked for again and again with retry', async () => {
    const { world, nodes } = await line(2);
    const [first, second] = nodes as [Node, Node];
    const identity = Identity.fromSeed(new Uint8Array(32).fill(7));
    const connecting = first.connectWithNode(identity.id, { retry: true });
    await world.run({ seconds: 30 });
    const [third] = world.spawn(1, ({ host, port, options }) => {
      return new Node(host, port, { ...options, identity });
    });
    await world.run({ seconds: 1 });
    await world.settle(third!.connectWithNode(second.host, second.port));
    assert.equal((await world.settle(connecting, { minutes: 3 })).id, third!.id);
    await world.end();
  });

  test('is nobody without a neighbour, this node itself, or an id that is not the expected one', async () => {
    const world = new Simulation({ seed: 1 });
    const [alone] = world.spawn(1, Node) as [Node];
    await world.run(1);
    const { id } = Identity.generate();
    await assert.rejects(world.settle(alone.connectWithNode(id)), {
      code: 'ERR_NODE_UNKNOWN',
      message: /has no neighbour to ask: connect with a node of the network first/,
    });
    await assert.rejects(world.settle(alone.connectWithNode(alone.id)), { code: 'ERR_SELF_CONNECTION' });
    await assert.rejects(world.settle(alone.connectWithNode(id, { id: alone.id })), TypeError);
    await world.end();
  });
});
