// A connection that comes back by itself: the same one after a cut, a new one after the other node has restarted.
// Run it: node examples/reconnect.ts
import {
  type ConnectionDetails,
  type Data,
  Identity,
  type Link,
  type LostSession,
  Node,
  type NodeConnection,
} from 'peerloom';

class Client extends Node {
  cut = () => {};
  #last: NodeConnection | undefined;
  #lost: Data[] = [];

  override outboundNodeConnected(peer: NodeConnection) {
    console.log(`connected with ${peer.name}${peer === this.#last ? ' again' : ''}`);
    this.#last = peer;
    this.#resend(peer.id);
  }

  override outboundNodeDisconnected(peer: NodeConnection) {
    console.log(`disconnected: ${peer.closeReason?.message}`);
  }

  override nodeSessionLost(peer: NodeConnection, { count, data }: LostSession) {
    console.log(`${count} not acknowledged: ${data}`);
    this.#lost.push(...data);
    this.#resend(peer.id);
  }

  #resend(id: string) {
    const peer = this.allNodes.find((one) => one.id === id); // the new connection may come earlier or later
    if (peer !== undefined) for (const data of this.#lost.splice(0)) peer.send(data);
  }

  override createNewConnection(link: Link, details: ConnectionDetails) {
    this.cut = () => link.destroy(); // as a broken cable would
    return super.createNewConnection(link, details);
  }
}

class Server extends Node {
  override nodeMessage(_peer: NodeConnection, data: Data) {
    console.log(`${this.name}: ${data}`);
  }
}

const identity = Identity.generate(); // { path, passphrase } keeps it in a file
const server = new Server('127.0.0.1', 0, { name: 'server', identity });
const client = new Client('127.0.0.1', 0, { reconnect: { minDelayMs: 50, maxDelayMs: 200 } });
await Promise.all([server.start(), client.start()]);
const { port } = server;

const connection = await client.connectWithNode('127.0.0.1', port, { reconnect: true, id: identity.id });
client.cut();
await connection.deliver('one');

connection.send('two');
await server.stop();
const restarted = new Server('127.0.0.1', port, { name: 'restarted server', identity });
const resent = new Promise((resolve) => restarted.once('node_message', resolve));
await restarted.start();
await resent;

await client.stop();
await restarted.stop();
