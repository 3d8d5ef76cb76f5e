/** A node in a process of its own that tells its port, and connects where it is told to, until it is killed. */
import { Node } from '../../../src/index.ts';

const node = new Node('127.0.0.1', 0, { name: 'to be killed' });
node.on('node_message', () => {});
await node.start();
process.on('message', async (address: string) => {
  await node.connectWithNode(address);
  process.send!('connected');
});
process.on('disconnect', () => process.exit());
process.send!(node.port);
