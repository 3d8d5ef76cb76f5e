// A node behind a router, as docs/internet.md has it:
//   nat-node.ts listen RELAY        prints its id once it has a place at the relay
//   nat-node.ts dial ADDRESS        connects, and prints how long that took and how fast data travels
import { Node } from '../../../src/index.ts';
import { internet, libp2p } from '../../../src/libp2p/index.ts';

const [role, address] = process.argv.slice(2) as [string, string];
const relays = role === 'listen' && address !== '' ? [address] : [];
const transports = [libp2p(internet({ relays, listen: ['/ip4/0.0.0.0/tcp/10001'] }))];
const node = new Node('0.0.0.0', 10001, { name: role, transports });
node.on('node_message', () => undefined);
await node.start();
if (role === 'listen') {
  const isThere = (): boolean =>
    relays.length === 0 || node.addresses.some((text) => text.includes('/p2p-circuit'));
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
  console.log(`id ${node.id}`);
} else {
  const startedAt = performance.now();
  try {
    const peer = await node.connectWithNode(address, { reconnect: true });
    await peer.deliver('first');
    console.log(`first ${Math.round(performance.now() - startedAt)}`);
    const bytes = new Uint8Array(65_536);
    const sentAt = performance.now();
    for (let count = 0; count < 64; count++) if (!peer.send(bytes)) await peer.drained();
    await peer.deliver('last');
    const seconds = (performance.now() - sentAt) / 1_000;
    console.log(`speed ${((64 * bytes.length) / seconds / 1e6).toFixed(0)}`);
  } catch (error) {
    console.log(`failed ${(error as { code?: string }).code}`);
  }
}
setInterval(() => {}, 1_000_000);
