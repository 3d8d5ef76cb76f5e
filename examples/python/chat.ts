// A chat of TypeScript and Python nodes: each line that you type goes to all peers.
// Run it: node examples/python/chat.ts anna 10001
// And in another terminal, after `pip install p2pnetwork==1.2`: python3 examples/python/chat.py boris 10002 10001
import { createInterface } from 'node:readline';
import { type Data, Node, type NodeConnection, tcp } from 'peerloom';

const [name = 'anna', port = '10001', dialled] = process.argv.slice(2);

class ChatNode extends Node {
  override inboundNodeConnected(peer: NodeConnection) {
    console.log(`${peer.id} has joined, ${peer.security.encrypted ? 'encrypted' : 'not encrypted'}`);
  }

  override inboundNodeDisconnected(peer: NodeConnection) {
    console.log(`${peer.id} has left`);
  }

  override nodeMessage(_peer: NodeConnection, data: Data) {
    const { name, text } = data as { name: string; text: string };
    console.log(`${name}: ${text}`);
  }
}

// 'p2pnetwork' accepts Python nodes. Without it, only peerloom nodes can connect, over TLS.
const transports = [tcp({ accept: ['tls', 'p2pnetwork'] })];
const node = new ChatNode('127.0.0.1', Number(port), { name, transports });
await node.start();
console.log(`listening on port ${node.port}`);
if (dialled !== undefined) {
  await node.connectWithNode(`p2pnetwork://127.0.0.1:${dialled}`);
  console.log('connected');
}

for await (const text of createInterface({ input: process.stdin })) node.sendToNodes({ name, text });
await node.stop();
