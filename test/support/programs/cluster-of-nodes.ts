/**
 * A cluster whose workers run one node each, on the ports of the command line in turn; `same` stands for the port of
 * the worker before. It tells the port of each node, or the code of the error of its start, and ends with its parent.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { Node } from '../../../src/index.ts';

if (cluster.isPrimary) {
  const results: (number | string)[] = [];
  for (const argument of process.argv.slice(2)) {
    const port = argument === 'same' ? String(results.at(-1)) : argument;
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
