// A relay for pages, at a WebSocket: page-relay.ts HOST PORT. Prints its address.
import { Node } from '../../../src/index.ts';
import { libp2p, relay } from '../../../src/libp2p/index.ts';

const [host, port] = process.argv.slice(2) as [string, string];
const address = `/ip4/${host}/tcp/${port}/ws`;
const transports = [libp2p(relay({ listen: [address], announce: [address] }))];
const node = new Node(host, Number(port), { name: 'relay', transports });
await node.start();
console.log(`Relay at ${address}/p2p/${node.id}`);
