// Two nodes that nobody can dial, connected through a relay: here all three run on one machine. Where the packages of
// libp2p are not installed, it says how to install them.
// Run it: node examples/internet.ts
import { type Data, Node, type NodeConnection } from 'peerloom';
import { internet, libp2p, relay } from 'peerloom/libp2p';

class ChatNode extends Node {
  override inboundNodeConnected(peer: NodeConnection): void {
    console.log(`${this.name}: ${peer.name} has connected, ${peer.path}`);
  }

  override nodeMessage(peer: NodeConnection, data: Data): void {
    console.log(`${this.name}: ${peer.name} says ${JSON.stringify(data)}`);
  }
}

// On a machine with a public address. Its own address is what others need.
const carrier = new Node('127.0.0.1', 0, { name: 'relay', transports: [libp2p(relay())] });
await carrier.start();
const relays = [carrier.addresses[0]!];

// On two machines behind routers. They listen nowhere, as if the routers let nobody in.
const behindRouter = () => [libp2p(internet({ relays, listen: [] }))];
const alice = new ChatNode('0.0.0.0', 0, { name: 'alice', transports: behindRouter() });
const bob = new ChatNode('0.0.0.0', 0, { name: 'bob', transports: behindRouter() });
await Promise.all([alice.start(), bob.start()]);

const connection = await alice.connectWithNode(bob.addresses[0]!);
console.log(`alice: connected with ${connection.name}, ${connection.path}`);
await connection.deliver('hello from behind a router');

await Promise.all([alice.stop(), bob.stop()]);
await carrier.stop();
