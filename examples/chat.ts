// A chat: lines are typed messages, and a newcomer asks for the lines that came before.
// Run it: node examples/chat.ts ada 10001
// And in a second terminal: node examples/chat.ts ben 10002 127.0.0.1:10001
import { createInterface } from 'node:readline';
import { defineMessage, defineRequest, Node } from 'peerloom';
import { z } from 'zod';

const line = defineMessage('line', z.object({ text: z.string().max(1_000) }));
const history = defineRequest('history', { request: z.null(), response: z.array(z.string()) });

const [name = 'ada', port = '10001', ...addresses] = process.argv.slice(2);
const said: string[] = [];
const node = new Node('127.0.0.1', Number(port), { name });

node.handle(line, (peer, { text }) => {
  said.push(`${peer.name}: ${text}`);
  console.log(said.at(-1));
});
node.handle(history, () => said.slice(-100));
node.on('inbound_node_connected', (peer) => console.log(`* ${peer.name} is here`));
node.on('inbound_node_disconnected', (peer) => console.log(`* ${peer.name} is gone`));

await node.start();
console.log(`* listening on port ${node.port}`);
for (const address of addresses) {
  const peer = await node.connectWithNode(address, { retry: true, reconnect: true });
  console.log(`* found ${peer.name}`);
  if (said.length > 0) continue; // an earlier peer has already sent it
  said.push(...(await peer.request(history, null)));
  for (const text of said) console.log(text);
}

for await (const text of createInterface({ input: process.stdin })) {
  said.push(`${name}: ${text}`);
  node.sendToNodes(line({ text }));
}
await node.stop();
