// A node behind a router, as docs/internet.md has it:
//   nat-node.ts listen RELAY [STUN]                 prints its id once it has a place at the relay
//   nat-node.ts dial ADDRESS [STUN] [PATIENCE]      connects, and prints how long that took, which way it found within so
//                                                   many milliseconds, how fast data travels, and what its user saw
import { Node } from '../../../src/index.ts';
import { internet, libp2p } from '../../../src/libp2p/index.ts';

const [role, address, stunServer = '', patience = '0'] = process.argv.slice(2) as [
  string,
  string,
  string?,
  string?,
];
const relays = role === 'listen' && address !== '' ? [address] : [];
const stun = stunServer === '' ? {} : { stun: [stunServer] };
const preset = internet({ relays, listen: ['/ip4/0.0.0.0/tcp/10001'], ...stun });
const node = new Node('0.0.0.0', 10001, { name: role, transports: [libp2p(preset)] });
node.on('node_message', () => undefined);
await node.start();
if (role === 'listen') {
  const isThere = (): boolean =>
    relays.length === 0 || node.addresses.some((text) => text.includes('/p2p-circuit'));
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
  console.log(`id ${node.id}`);
} else {
  let breaks = 0;
  node.on('outbound_node_disconnected', () => {
    breaks += 1;
  });
  const startedAt = performance.now();
  const sinceStart = (): number => Math.round(performance.now() - startedAt);
  try {
    const peer = await node.connectWithNode(address);
    await peer.deliver('first');
    console.log(`first ${sinceStart()}`);
    while (peer.path === 'relayed' && sinceStart() < Number(patience)) {
      await peer.deliver('on the way');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    console.log(`way ${peer.path} ${sinceStart()}`);
    const bytes = new Uint8Array(65_536);
    const sentAt = performance.now();
    for (let count = 0; count < 64; count++) if (!peer.send(bytes)) await peer.drained();
    await peer.deliver('last');
    const seconds = (performance.now() - sentAt) / 1_000;
    console.log(`speed ${((64 * bytes.length) / seconds / 1e6).toFixed(0)}`);
    console.log(`disconnected ${breaks} times, then ${peer.path}`);
  } catch (error) {
    console.log(`failed ${(error as { code?: string }).code}`);
  }
}
setInterval(() => {}, 1_000_000);
