// A node that joins late receives what was said before it came, and then what follows.
// Run it: node examples/history.ts
import { type BroadcastDetails, type Data, Node } from 'peerloom';

class Chatter extends Node {
  override nodeBroadcast(_origin: string, data: Data, { isHistory }: BroadcastDetails) {
    console.log(`${this.name} ${isHistory ? 'catches up' : 'hears'}: ${data}`);
  }
}

async function join(name: string, friend?: Node): Promise<Chatter> {
  const chatter = new Chatter('127.0.0.1', 0, { name });
  chatter.subscribe('chat', { history: { maxMessages: 1000 } });
  await chatter.start();
  if (friend !== undefined) await chatter.connectWithNode('127.0.0.1', friend.port);
  return chatter;
}

const heard = (chatter: Chatter) => new Promise((resolve) => chatter.once('node_broadcast', resolve));

const ann = await join('Ann');
const bob = await join('Bob', ann);
await ann.waitForNodes(1);
const heardByBob = heard(bob);
ann.broadcast('hello', { topic: 'chat' });
await heardByBob;
await ann.stop();

// What is younger than 5 seconds may still be under way, so this takes a moment.
const cem = await join('Cem', bob);
await heard(cem);
for (const chatter of [bob, cem]) await chatter.stop();
