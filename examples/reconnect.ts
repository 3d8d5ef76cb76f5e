// A connection that comes back by itself, to the same node and no other: its id is pinned.
// Run it: node examples/reconnect.ts
import { Identity, Node, type NodeConnection } from '../src/index.ts';

class Client extends Node {
  override outboundNodeConnected(peer: NodeConnection) {
    console.log(`connected with ${peer.name}`);
  }

  override outboundNodeDisconnected(peer: NodeConnection) {
    console.log(`disconnected: ${peer.closeReason?.message}`);
  }

  override nodeReconnectionError(_address: string, trials: number) {
    if (trials === 1) restarted = restart(); // it is gone; answering false here would give up
  }
}

const identity = Identity.generate(); // { path, passphrase } keeps it in a file
const server = new Node('127.0.0.1', 0, { name: 'server', identity });
const client = new Client('127.0.0.1', 0, { reconnect: { minDelayMs: 50, maxDelayMs: 200 } });
let restarted: Promise<Node> | undefined;
await Promise.all([server.start(), client.start()]);
const { port } = server;

const connection = await client.connectWithNode('127.0.0.1', port, { reconnect: true, id: identity.id });
await connection.ping();
const back = new Promise((resolve) => client.once('outbound_node_connected', resolve));
await server.stop();
await back;

await client.stop();
await (await restarted)?.stop();

async function restart() {
  const again = new Node('127.0.0.1', port, { name: 'server, started again', identity });
  await again.start();
  return again;
}
