// A node that joins an hour late receives what was said before it came, and then what follows. On virtual time.
// Run it: node examples/history.ts
import { type BroadcastDetails, type Data, Node } from 'peerloom';
import { Simulation } from 'peerloom/simulator';

class Chatter extends Node {
  override nodeBroadcast(_origin: string, data: Data, { isHistory }: BroadcastDetails) {
    console.log(`${this.name} ${isHistory ? 'catches up' : 'hears'}: ${data}`);
  }
}

const world = new Simulation({ seed: 1 });

async function join(name: string, friend?: Node): Promise<Chatter> {
  const [chatter] = world.spawn(
    1,
    ({ host, port, options }) => new Chatter(host, port, { ...options, name }),
  ) as [Chatter];
  chatter.subscribe('chat', { history: { maxMessages: 1000 } });
  await world.run(1);
  if (friend !== undefined) await world.settle(chatter.connectWithNode(friend.host, friend.port));
  return chatter;
}

const ann = await join('Ann');
const bob = await join('Bob', ann);
ann.broadcast('hello', { topic: 'chat' });
await world.run({ seconds: 1 });
world.stop(ann);

await world.run({ hours: 1 });
await join('Cem', bob);
await world.run({ seconds: 10 });
bob.broadcast('welcome', { topic: 'chat' });
await world.run({ seconds: 1 });
await world.end();
