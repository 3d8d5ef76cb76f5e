// A node that comes through a relay, and is killed: relay-visitor.ts RELAY ADDRESS. Prints a line when it is connected.
import { Node } from '../../../src/index.ts';
import { internet, libp2p } from '../../../src/libp2p/index.ts';

const [relay, address] = process.argv.slice(2) as [string, string];
const transports = [libp2p(internet({ listen: [], relays: [relay] }))];
const node = new Node('127.0.0.1', 0, { name: 'visitor', transports });
await node.start();
const peer = await node.connectWithNode(address, { retry: true });
await peer.deliver('visit');
console.log('visiting');
setInterval(() => {}, 1_000_000);
