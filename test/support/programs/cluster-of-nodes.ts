/**
 * A cluster whose two workers run one node each, both on port 0, or on one port that was free a moment ago. It tells
 * the port of each node, or the code of the error of its start, and ends with its parent.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Node } from '../../../src/index.ts';

if (cluster.isPrimary) {
  const results: (number | string)[] = [];
  const port = process.argv[2] === 'one-port' ? await freePort() : 0;
  for (let worker = 0; worker < 2; worker++) {
    const [result] = (await once(cluster.fork({ NODE_PORT: port }), 'message')) as [number | string];
    results.push(result);
  }
  process.send!(results);
  process.on('disconnect', () => process.exit());
} else {
  process.on('disconnect', () => process.exit());
  const node = new Node('127.0.0.1', Number(process.env.NODE_PORT));
  await node.start().then(
    () => process.send!(node.port),
    (error) => process.send!(error.code),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
