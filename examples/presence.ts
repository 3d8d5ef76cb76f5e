// Who is online: nodes tell each other their status, and one of them serves a page that lists its peers.
// Run it: node examples/presence.ts
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineMessage, Node, type NodeConnection } from 'peerloom';
import { z } from 'zod';

const presence = defineMessage('presence', z.enum(['online', 'busy', 'away']));

class PresentNode extends Node {
  status: 'online' | 'busy' | 'away' = 'online';

  constructor(name: string) {
    super('127.0.0.1', 0, { name });
    this.handle(presence, (peer, status) => peer.setInfo('status', status));
  }

  override inboundNodeConnected(peer: NodeConnection) {
    peer.send(presence(this.status));
  }

  override outboundNodeConnected(peer: NodeConnection) {
    peer.send(presence(this.status));
  }

  async become(status: 'online' | 'busy' | 'away') {
    this.status = status;
    await Promise.all(this.allNodes.map((peer) => peer.deliver(presence(status))));
  }

  get page() {
    return this.allNodes.map((peer) => `${peer.name} is ${peer.getInfo('status')}`).join('\n');
  }
}

const nodes = ['ada', 'ben', 'cleo', 'dave'].map((name) => new PresentNode(name));
const [ada, ben, cleo, dave] = nodes as [PresentNode, PresentNode, PresentNode, PresentNode];
await ada.start();
const server = createServer((_request, response) => response.end(ada.page)).listen(0, '127.0.0.1');
await once(server, 'listening');

for (const node of [ben, cleo, dave]) {
  await node.start();
  await node.connectWithNode('127.0.0.1', ada.port);
}
await ben.become('busy');
await cleo.become('away');
const left = new Promise((resolve) => ada.once('inbound_node_disconnected', resolve));
await dave.stop();
await left;
const { port } = server.address() as AddressInfo;
console.log(await (await fetch(`http://127.0.0.1:${port}/`)).text());

server.close();
for (const node of nodes) await node.stop();
