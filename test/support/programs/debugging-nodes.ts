/** Two nodes that go through much of what can happen, with debugging as the arguments say. */
import { Node, tcp } from '../../../src/index.ts';

const { identity, networkKey, message, debug } = JSON.parse(process.argv[2]!);
const [a, b] = [{ name: 'alice', identity }, { name: 'bob' }].map(
  (options) => new Node('127.0.0.1', 0, { ...options, networkKey, debug, transports: [tcp()] }),
) as [Node, Node];
a.on('node_message', () => {});
await a.start();
await b.start();
const stranger = new Node('127.0.0.1', 0, { networkKey: 'another key', debug });
await stranger.start();
await stranger.connectWithNode('127.0.0.1', a.port).catch(() => {});
const connection = await b.connectWithNode('127.0.0.1', a.port);
await connection.deliver(message);
await connection.request(message).catch(() => {});
for (const node of [stranger, b, a]) await node.stop();
