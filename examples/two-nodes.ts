// Two nodes on this machine: extend Node, override the events that matter, connect, send.
// Run it: node examples/two-nodes.ts
import { type Data, Node, type NodeConnection } from 'peerloom';

class MyNode extends Node {
  override inboundNodeConnected(peer: NodeConnection) {
    console.log(`${this.name}: ${peer.name} has connected`);
  }

  override nodeMessage(peer: NodeConnection, data: Data) {
    console.log(`${this.name}: ${peer.name} says`, data);
    if (data === 'hello') peer.send({ round: 1, weights: new Float32Array([0.5, 0.25]) });
  }
}

const alice = new MyNode('127.0.0.1', 0, { name: 'alice' }); // port 0: the system picks one
const bob = new MyNode('127.0.0.1', 0, { name: 'bob' });
await alice.start();
await bob.start();

const connection = await alice.connectWithNode('127.0.0.1', bob.port);
await connection.deliver('hello'); // unlike send(), deliver() waits until bob's nodeMessage has run

await alice.stop();
await bob.stop();
