// A node behind a router that forgets its mappings: nat-churn-node.ts listen RELAY, or dial ADDRESS. It sends numbers to
// the other one, and prints a line each 100 ms: how many it sent, how many arrived, how many connections it has, by which
// way, how often it was told that the connection broke, and how many numbers came in the wrong place. At SIGUSR2 it sends
// no more, and prints how many it sent in all.
import { Node, type NodeConnection } from '../../../src/index.ts';
import { internet, libp2p } from '../../../src/libp2p/index.ts';

const [role, address] = process.argv.slice(2) as [string, string];
const preset = internet({
  relays: role === 'listen' ? [address] : [],
  listen: ['/ip4/0.0.0.0/tcp/10001'],
});
const transports = [libp2p(preset)];
// Otherwise the delays grow from kill to kill, to a minute.
const reconnect = { minDelayMs: 500, maxDelayMs: 2_000 };
const node = new Node('0.0.0.0', 10001, { name: role, transports, reconnect });

let sent = 0;
let arrived = 0;
let breaks = 0;
let faults = 0;
let isEnding = false;
let only: NodeConnection | undefined;
node.on('node_message', (peer, data) => {
  if (data !== arrived || peer !== only) faults += 1;
  arrived += 1;
});

async function talkTo(peer: NodeConnection): Promise<void> {
  if (only !== undefined) {
    if (peer !== only) faults += 1;
    return;
  }
  only = peer;
  while (!isEnding) {
    if (!peer.send(sent++)) await peer.drained();
    else await new Promise((resolve) => setTimeout(resolve, 5));
  }
  console.log(`ended ${sent}`);
}

node.on('inbound_node_connected', (peer) => void talkTo(peer));
for (const event of ['inbound_node_disconnected', 'outbound_node_disconnected'] as const) {
  node.on(event, () => {
    breaks += 1;
  });
}
await node.start();
if (role === 'listen') {
  while (!node.addresses.some((text) => text.includes('/p2p-circuit')))
    await new Promise((resolve) => setTimeout(resolve, 20));
  console.log(`id ${node.id}`);
} else {
  void talkTo(await node.connectWithNode(address, { retry: true, reconnect: true }));
}
process.on('SIGUSR2', () => {
  isEnding = true;
});
setInterval(() => {
  const path = only?.path ?? 'none';
  console.log(`at ${sent} ${arrived} ${node.allNodes.length} ${path} ${breaks} ${faults}`);
}, 100);
