// A transport of your own: two nodes reach each other over files in a folder, without any port of the network.
// Run it: node examples/own-transport.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Node } from 'peerloom';
import { localSockets } from './transport/local-sockets.ts';

const folder = await mkdtemp(join(tmpdir(), 'house-')); // only this user can write into it
const kitchen = new Node('kitchen', 1, { name: 'kitchen', transports: [localSockets(folder)] });
const cellar = new Node('cellar', 1, { name: 'cellar', transports: [localSockets(folder)] });
cellar.on('node_request', (peer, data) => `${data} for the ${peer.name}`);

await kitchen.start();
await cellar.start();
const peer = await kitchen.connectWithNode('local://cellar:1', { id: cellar.id });
console.log(`the cellar listens at ${cellar.addresses}`);
console.log(`the link: ${JSON.stringify(peer.security)}`);
console.log(await peer.request('two bottles'));

await kitchen.stop();
await cellar.stop();
await rm(folder, { recursive: true });
