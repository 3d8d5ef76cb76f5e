// Dictionaries travel as JSON and arrive as they were sent: here an election, with a field that says what a
// message is about.
// Run it: node examples/dictionaries.ts
import { type Data, Node, type NodeConnection } from 'peerloom';

interface Vote {
  readonly about: 'vote';
  readonly for: string;
  readonly reasons: readonly string[];
}

interface Result {
  readonly about: 'result';
  readonly counts: Record<string, number>;
}

class Voter extends Node {
  readonly counts: Record<string, number> = {};

  override nodeMessage(peer: NodeConnection, data: Data) {
    const message = data as unknown as Vote | Result;
    if (message.about === 'vote') {
      this.counts[message.for] = (this.counts[message.for] ?? 0) + 1;
      console.log(
        `${this.name}: ${peer.name} is for ${message.for}, because ${message.reasons.join(' and ')}`,
      );
    } else {
      console.log(`${this.name}: the result is`, message.counts);
    }
  }
}

const office = new Voter('127.0.0.1', 0, { name: 'office' });
await office.start();
const wishes = { anna: 'apples', boris: 'pears', clara: 'apples' };
const voters: Voter[] = [];
for (const [name, fruit] of Object.entries(wishes)) {
  const voter = new Voter('127.0.0.1', 0, { name });
  voters.push(voter);
  await voter.start();
  const connection = await voter.connectWithNode('127.0.0.1', office.port);
  await connection.deliver({ about: 'vote', for: fruit, reasons: ['they are ripe', 'they are near'] });
}

await Promise.all(office.allNodes.map((peer) => peer.deliver({ about: 'result', counts: office.counts })));
await Promise.all([office, ...voters].map((node) => node.stop()));
