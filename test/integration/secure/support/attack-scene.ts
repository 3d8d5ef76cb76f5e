import type { TestContext } from 'node:test';
import { type Data, Identity } from '../../../../src/index.ts';
import type { FetchAnswer } from '../../../../src/secure/vault/vault-protocol.ts';
import { connect, type TestSecureNode, World } from './secure-nodes.ts';

export const collection = 'health';

export interface Scene {
  readonly alice: TestSecureNode;
  readonly bob: TestSecureNode;
  readonly replica: TestSecureNode;
  readonly identity: Identity;
}

/** Alice owns, Bob may read, and has read; a replica has everything; Alice leaves when a test calls for it. */
export async function setUp(t: TestContext): Promise<Scene> {
  const world = new World(t);
  const identity = Identity.generate();
  const alice = await world.start('alice', { identity });
  const bob = await world.start('bob');
  const replica = await world.start('replica');
  await connect(alice, bob);
  await connect(alice, replica);
  await connect(bob, replica);
  await alice.vault.put(collection, 'pulse', 60);
  await alice.vault.put(collection, 'weight', 70);
  await alice.vault.put('wealth', 'pulse', 1_000_000);
  await alice.vault.grant(collection, bob.id);
  await alice.vault.addReplica(collection, replica.id);
  await alice.vault.sync();
  return { alice, bob, replica, identity };
}

/** What a replica gives for a question, and what it gives instead. */
export function lie(replica: TestSecureNode, change: (answer: FetchAnswer) => unknown): void {
  const { vaultEngine } = replica;
  const respond = vaultEngine.respond.bind(vaultEngine);
  vaultEngine.respond = async (topic, data, asker) => {
    const answer = await respond(topic, data, asker);
    return topic === 'vault-fetch' ? (change(answer as unknown as FetchAnswer) as Data) : answer;
  };
}

export async function honestAnswer({ alice, replica }: Scene, item: string, after = 0): Promise<FetchAnswer> {
  const request = { owner: alice.id, collection, after, item };
  return (await replica.vaultEngine.respond('vault-fetch', request, alice.id)) as unknown as FetchAnswer;
}
