// A seed node, and three nodes that know only its address: all find each other, and one looks for another by its id.
// Run it: node examples/discovery.ts
import { bootstrap, Node } from 'peerloom';

const seed = new Node('127.0.0.1', 0, { name: 'seed', neighbourhood: 'automatic' });
await seed.start();

const discovery = () => [bootstrap([`127.0.0.1:${seed.port}`])];
const nodes = ['ada', 'ben', 'cleo'].map(
  (name) => new Node('127.0.0.1', 0, { name, discovery: discovery() }),
);
for (const node of nodes) await node.start(); // each finds the others by itself
const [ada, ben, cleo] = nodes as [Node, Node, Node];
await Promise.all(nodes.map((node) => node.waitForNodes(1)));

const connection = await ada.connectWithNode(cleo.id, { retry: true }); // an id is enough
console.log(`${ada.name} is connected with ${connection.name}`);

const heard = new Promise((resolve) => cleo.once('node_broadcast', (_origin, data) => resolve(data)));
ben.broadcast('hello, everybody');
console.log(`${cleo.name} heard: ${await heard}`);

for (const node of [seed, ...nodes]) await node.stop();
