// Every message is signed by its author, whichever node brings it. sendTo encrypts a message for one node.
// Run it: node examples/secure-node.ts
import type { Data, NodeConnection } from 'peerloom';
import { SecureNode } from 'peerloom/secure';

class MyNode extends SecureNode {
  override nodeMessage(peer: NodeConnection, data: Data) {
    const author = names.get(this.message!.author);
    console.log(`${this.name}: ${author} wrote ${JSON.stringify(data)}, ${peer.name} brought it`);
    if (this.name === 'bob') this.sendToNodes(this.message!, { exclude: [peer] }); // still signed by alice
  }
}

const alice = new MyNode('127.0.0.1', 0, { name: 'alice' });
const bob = new MyNode('127.0.0.1', 0, { name: 'bob' });
const carol = new MyNode('127.0.0.1', 0, { name: 'carol' });
const nodes = [alice, bob, carol];
const names = new Map(nodes.map((node) => [node.id, node.name]));
for (const node of nodes) await node.start();

const connection = await alice.connectWithNode('127.0.0.1', bob.port);
const another = await carol.connectWithNode('127.0.0.1', bob.port);
await another.ping(); // bob knows her now, too

alice.sendToNodes('hello, everybody'); // bob passes it on to carol
await connection.ping();

await alice.sendTo(carol.id, { secret: 42 }); // through bob, who cannot read it
const { nodes: found, links } = await alice.discover();
console.log(`alice: there are ${found.length} nodes and ${links.length} links`);
console.log(`alice: carol is ${(await alice.ping(carol.id)) < 5_000 ? 'near' : 'far'}`);

for (const node of nodes) await node.stop();
