// A chat of any number of nodes: whoever joins late, or was cut off, catches up with what was said.
// Run it: node examples/chat.ts ada 10001
// And in more terminals: node examples/chat.ts ben 10002 127.0.0.1:10001
import { createInterface } from 'node:readline';
import { bootstrap, type Data, Node } from 'peerloom';
import { z } from 'zod';

const lineSchema = z.object({ nick: z.string().max(30), text: z.string().max(1_000) });
const [nick = 'ada', port = '10001', ...addresses] = process.argv.slice(2);

class ChatNode extends Node {
  /** By the ids of nodes, which are proven; a nick is only what a node calls itself. */
  readonly nicks = new Map([[this.id, nick]]);

  override nodeBroadcast(origin: string, data: Data) {
    const { data: line } = lineSchema.safeParse(data);
    if (line === undefined) return;
    this.nicks.set(origin, line.nick);
    console.log(`${line.nick}: ${line.text}`);
  }

  say(text: string) {
    this.broadcast({ nick, text }, { topic: 'chat' });
  }
}

const discovery = addresses.length > 0 ? [bootstrap(addresses)] : [];
const node = new ChatNode('127.0.0.1', Number(port), { discovery });
node.subscribe('chat', { history: { maxMessages: 1_000 } });
await node.start();
console.log(`* listening on port ${node.port}`);
node.say('* is here');
for await (const text of createInterface({ input: process.stdin })) {
  if (text === '/who') console.log(`* ${[...node.nicks.values()].sort().join(', ')}`);
  else node.say(text);
}
await node.stop();
