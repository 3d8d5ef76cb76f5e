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
connection.send({ weights: new Float32Array(3) }, { compression: 'zlib' });
a.on('node_stream', async (_peer, stream) => {
  for await (const _ of stream);
  stream.end();
});
const stream = await connection.openStream('a header');
stream.write(new Uint8Array(1_000));
stream.end();
await stream.closed;
for (const node of [stranger, b, a]) await node.stop();
