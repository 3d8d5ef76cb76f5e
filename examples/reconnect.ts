// A connection that comes back by itself: the same one after a cut, a new one after the other node has restarted.
// Run it: node examples/reconnect.ts
import {
  type Data,
  Identity,
  type LostSession,
  Node,
  type NodeConnection,
  type Transport,
  tcp,
} from 'peerloom';

class Client extends Node {
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
}

class Server extends Node {
  override nodeMessage(_peer: NodeConnection, data: Data) {
    console.log(`${this.name}: ${data}`);
  }
}

const network = tcp();
let cut = () => {}; // breaks the link, as a broken cable would
const cable: Transport = {
  schemes: network.schemes,
  attach: (context) => network.attach(context),
  listen: (address, onLink) => network.listen(address, onLink),
  close: () => network.close(),
  async dial(...dialled) {
    const link = await network.dial(...dialled);
    cut = () => link.destroy();
    return link;
  },
};

const identity = Identity.generate(); // { path, passphrase } keeps it in a file
const server = new Server('127.0.0.1', 0, { name: 'server', identity });
const reconnect = { minDelayMs: 50, maxDelayMs: 200 };
const client = new Client('127.0.0.1', 0, { transports: [cable], reconnect });
await Promise.all([server.start(), client.start()]);
const { port } = server;

const connection = await client.connectWithNode('127.0.0.1', port, { reconnect: true, id: identity.id });
cut();
await connection.deliver('one');

connection.send('two');
await server.stop();
const restarted = new Server('127.0.0.1', port, { name: 'restarted server', identity });
const resent = new Promise((resolve) => restarted.once('node_message', resolve));
await restarted.start();
await resent;

await client.stop();
await restarted.stop();
