// A chat between pages and terminals. This is the terminal; pages connect with it.
// In a copy of this folder: npm install; npm run terminal. In another terminal: npm run page, and open the link twice.
import { createInterface } from 'node:readline';
import { type Data, Node, tcp } from 'peerloom';

const node = new Node('127.0.0.1', Number(process.argv[2] ?? 10001), {
  network: 'browser-chat',
  transports: [tcp({ accept: ['tls', 'websocket'] })],
});
node.subscribe('chat', { history: { maxMessages: 100 } });
node.on('node_broadcast', (_origin: string, data: Data) => {
  const { nick, text } = data as { nick: string; text: string };
  console.log(`${nick}: ${text}`);
});
await node.start();
console.log(`pages may connect with ${node.addresses.at(-1)}; type a line to say it`);
for await (const text of createInterface({ input: process.stdin })) {
  node.broadcast({ nick: 'terminal', text }, { topic: 'chat' });
}
await node.stop();
