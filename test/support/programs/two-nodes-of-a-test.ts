/** What a test of a user does, to be run where test runners run it; prints what arrived as JSON. */
import { type Data, Node, PeerloomError } from '../../../src/index.ts';
import { SecureNode } from '../../../src/secure/index.ts';

const lines: unknown[] = [];
const a = new Node('127.0.0.1', 0);
const b = new Node('127.0.0.1', 0);
await Promise.all([a.start(), b.start()]);
b.on('node_message', (_peer, data) => void lines.push(data));
b.on('node_request', (_peer, data) => ({ answer: data }));
b.on('node_stream', async (_peer, stream) => {
  for await (const bytes of stream) lines.push([...bytes]);
  stream.end();
});
const connection = await a.connectWithNode('127.0.0.1', b.port, { reconnect: true });
await connection.deliver({ plain: [1, { deep: null }] });
await connection.deliver(structuredClone({ cloned: [1] }) as Data);
await connection.deliver({ weights: Float32Array.of(1.5), bytes: Buffer.from('b') });
connection.send({ text: 'z'.repeat(2_000) }, { compression: 'zlib' });
lines.push(await connection.request({ question: 1 }, { signal: new AbortController().signal }));
const stream = await connection.openStream({ header: 1 });
stream.write(Buffer.from([1, 2]));
stream.end();
await stream.closed;
await a
  .connectWithNode('127.0.0.1', b.port, { id: 'x', timeoutMs: 10_000 })
  .catch((error) => lines.push(error instanceof PeerloomError));
await Promise.all([a.stop(), b.stop()]);

const owner = new SecureNode('127.0.0.1', 0, { networkKey: 'key' });
const reader = new SecureNode('127.0.0.1', 0, { networkKey: 'key' });
await Promise.all([owner.start(), reader.start()]);
await owner.connectWithNode('127.0.0.1', reader.port);
reader.on('node_message', (_peer, data) => void lines.push(data));
await owner.sendTo(reader.id, { secret: [1] });
await owner.vault.put('collection', 'item', { value: [1] });
await owner.vault.grant('collection', reader.id);
lines.push(await reader.vault.get(owner.id, 'collection', 'item'));
await Promise.all([owner.stop(), reader.stop()]);
console.log(JSON.stringify(lines));
