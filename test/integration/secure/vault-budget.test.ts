import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, memory } from '../../../src/index.ts';
import { SecureNode, type VaultOptions } from '../../../src/secure/index.ts';
import { turns, until } from '../../support/turns.ts';
import { HandMadeOwner } from './support/hand-made-owner.ts';
import { connect, World } from './support/secure-nodes.ts';

const mebibyte = 2 ** 20;
const limits = { memoryBudgetBytes: 32 * mebibyte };

/** A node whose handlers never end, and peers that have sent it 24.8 MiB. */
async function setUp(t: TestContext, vault: VaultOptions) {
  const world = new World(t);
  const node = await world.start('node', { limits, vault });
  const held = Promise.withResolvers<void>();
  node.nodeMessage = () => held.promise;
  t.after(() => held.resolve());
  const left: (string | undefined)[] = [];
  for (let peers = 0; peers < 8; peers++) {
    const peer = await world.start(`peer-${peers}`);
    peer.on('outbound_node_disconnected', ({ closeReason }) => void left.push(closeReason?.code));
    (await connect(peer, node)).send(new Uint8Array(3.1 * mebibyte));
  }
  await until(() => node.messageCountRecv === 8, 'all messages have come');
  return { node, left };
}

/** Has a node keep so many MiB of another owner's. */
async function fill(node: SecureNode, mebibytes: number): Promise<void> {
  const owner = new HandMadeOwner(node.id);
  const store = (data: Data) => node.vaultEngine.respond('vault-store', data, owner.id);
  await store(owner.delivery());
  for (let version = 1; version <= mebibytes; version++) {
    const answer = await store(owner.items(owner.item(version, {}, mebibyte - 10_000)));
    assert.deepEqual(answer, { sequence: 1, version });
  }
}

suite('what a vault keeps in memory for others', () => {
  test('counts in the memory budget of the node', async (t) => {
    const { node, left } = await setUp(t, {});
    await fill(node, 7);
    await turns(50);
    assert.deepEqual(left, [], 'the budget is not used up');
    await fill(node, 1);
    await until(() => left.length > 0, 'somebody goes');
    assert.deepEqual(left, ['overload']);
  });

  test('is at most a quarter of the budget, and as much again of what the node has read', () => {
    const start = (vault: VaultOptions) =>
      new SecureNode('node', 1, { transports: [memory()], limits, vault });
    for (const name of ['maxReplicaBytes', 'maxCopyBytes']) {
      const most = 8 * mebibyte;
      assert.throws(
        () => start({ [name]: most + 1 }),
        (error) =>
          error instanceof RangeError && error.message.startsWith(`vault.${name} must be at most ${most}`),
      );
      const { vault } = start({ [name]: most });
      assert.deepEqual(vault.collections(), []);
    }
  });
});
