// Alice owns a diary and decides who may read it. A replica that cannot read it serves it while she is offline.
// Run it: node examples/shared-diary.ts
import type { PeerloomError } from 'peerloom';
import { SecureNode } from 'peerloom/secure';

const [alice, bob, carol, replica] = ['alice', 'bob', 'carol', 'replica'].map(
  (name) => new SecureNode('127.0.0.1', 0, { name }),
) as [SecureNode, SecureNode, SecureNode, SecureNode];
const nodes = [alice, bob, carol, replica];
for (const node of nodes) await node.start();
for (const node of [bob, carol, replica]) await node.connectWithNode('127.0.0.1', alice.port);
for (const node of [bob, carol]) await node.connectWithNode('127.0.0.1', replica.port);

async function read(reader: SecureNode, day: string): Promise<void> {
  try {
    console.log(`${reader.name} reads: ${await reader.vault.get(alice.id, 'diary', day)}`);
  } catch (error) {
    console.log(`${reader.name} reads nothing: ${(error as PeerloomError).code}`);
  }
}

await alice.vault.put('diary', 'monday', 'rain');
await read(bob, 'monday');

console.log('alice grants it to bob and carol');
await alice.vault.grant('diary', bob.id);
await alice.vault.grant('diary', carol.id);
await read(bob, 'monday');
await read(carol, 'monday');

console.log('alice revokes it from carol, writes on, and goes offline');
await alice.vault.addReplica('diary', replica.id);
await alice.vault.revoke('diary', carol.id);
await alice.vault.put('diary', 'tuesday', 'sun');
await alice.vault.sync(); // the replica has everything now
await alice.stop();

await read(bob, 'tuesday');
await read(carol, 'tuesday');
await read(replica, 'tuesday');

for (const node of nodes) await node.stop();
