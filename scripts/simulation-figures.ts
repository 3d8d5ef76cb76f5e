// What a simulated network costs in processor time and memory, for a number of nodes with five connections each:
//
//   node scripts/simulation-figures.ts 1000 [wire|fast] [how many nodes dial at once]
import { Node, type NodeConnection } from '../src/index.ts';
import { Simulation } from '../src/simulator/index.ts';

const [, , count = '1000', mode = 'wire', dialling = '1000'] = process.argv;
const size = Number(count);
/** What dials hold while they are under way takes more memory than connections. */
const atOnce = Number(dialling);
if (mode !== 'wire' && mode !== 'fast') throw new TypeError(`the mode is wire or fast, not ${mode}`);

/** Each node dials those that stand so far behind it, every second one only the last two. Few hops lead to any node. */
const steps = [1, Math.floor(size ** (1 / 3)), Math.floor(size ** (2 / 3))];
/** Messages that are enough for a figure. */
const enoughMessages = 300_000;

class Gossip extends Node {
  readonly #heard = new Set<unknown>();

  tell(text: unknown, from: NodeConnection[] = []): void {
    if (this.#heard.has(text)) return;
    this.#heard.add(text);
    this.sendToNodes(text as string, { exclude: from });
  }

  override nodeMessage(peer: NodeConnection, text: unknown): void {
    this.tell(text, [peer]);
  }
}

const cpuMs = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1_000;
const print = (what: string, figure: string): void => console.log(`${what.padEnd(10)} ${figure}`);
const took = (sinceMs: number): string => `${((cpuMs() - sinceMs) / 1_000).toFixed(1)} s`;

const world = new Simulation({ seed: 7, latencyMs: { from: 10, to: 100 }, mode });
let since = cpuMs();
const nodes = world.spawn(size, Gossip);
print('made', took(since));
since = cpuMs();
for (let first = 0; first < size; first += atOnce) {
  const dials = nodes.slice(first, first + atOnce).flatMap((node, index) =>
    steps.slice(index % 2).map((step) => {
      const { host, port } = nodes[(first + index + step) % size]!;
      return node.connectWithNode(host, port);
    }),
  );
  await world.settle(Promise.all(dials));
}
print('connected', took(since));

since = cpuMs();
let received = 0;
for (let round = 0; received < enoughMessages; round++) {
  nodes[(round * 37) % size]!.tell(`${round}`.padEnd(100, '.'));
  await world.idle();
  received = world.metrics.messages.received;
}
print('a message', `${(((cpuMs() - since) * 1_000) / received).toFixed(1)} µs`);
print('memory', `${Math.round(process.resourceUsage().maxRSS / 1_000)} MB at most`);
