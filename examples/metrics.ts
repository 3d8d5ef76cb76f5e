// A page with the metrics of a node, in the text format that Prometheus reads.
// Run it: node examples/metrics.ts
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Node } from 'peerloom';

function pageOf(node: Node): string {
  const { messages, connections, handshakes, sentBytes, receivedBytes, queuedBytes } = node.metrics();
  const lines = [
    `peerloom_messages_sent_total ${messages.sent}`,
    `peerloom_messages_received_total ${messages.received}`,
    `peerloom_sent_bytes_total ${sentBytes}`,
    `peerloom_received_bytes_total ${receivedBytes}`,
    `peerloom_queued_bytes ${queuedBytes}`,
    `peerloom_connections ${connections.inbound + connections.outbound}`,
    ...Object.entries(messages.rejectedBy).map(
      ([code, count]) => `peerloom_messages_rejected_total{code="${code}"} ${count}`,
    ),
    ...Object.entries(handshakes.inbound.failed).map(
      ([code, count]) => `peerloom_handshakes_failed_total{code="${code}"} ${count}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const hub = new Node('127.0.0.1', 0, { name: 'hub', network: 'one' });
const friend = new Node('127.0.0.1', 0, { name: 'friend', network: 'one' });
const stranger = new Node('127.0.0.1', 0, { name: 'stranger', network: 'another' });
for (const node of [hub, friend, stranger]) await node.start();
const server = createServer((_request, response) => response.end(pageOf(hub))).listen(0, '127.0.0.1');
await once(server, 'listening');

hub.on('node_message', () => {});
const peer = await friend.connectWithNode('127.0.0.1', hub.port);
await peer.deliver('hello');
const refused = new Promise<void>((resolve) => hub.once('connection_error', () => resolve()));
await stranger.connectWithNode('127.0.0.1', hub.port).catch((error) => console.log(error.code));
await refused;
const { port } = server.address() as AddressInfo;
console.log(await (await fetch(`http://127.0.0.1:${port}/`)).text());

server.close();
for (const node of [friend, stranger, hub]) await node.stop();
