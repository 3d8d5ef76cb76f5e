/**
 * What `discover()` costs, beside the same made of broadcasts and letters: a broadcast asks, and each node answers with
 * a letter, which goes along the path over which the broadcast came first. In the simulator, where each node dials three
 * others at random. Some nodes hide others: they pass on broadcasts, say that they pass on letters too, and drop them.
 *
 * Run it: node scripts/discover-figures.ts [nodes] [seed]
 */
import { Node } from '../src/index.ts';
import { SecureNode } from '../src/secure/index.ts';
import { encodeSecureFrame, SecureFrameKind } from '../src/secure/secure-frames.ts';
import { type SimulatedNodeOptions, Simulation } from '../src/simulator/index.ts';
import { SeededChance } from '../src/simulator/seeded-chance.ts';
import { SecureFrames } from '../test/support/secure-frames.ts';

const count = Number(process.argv[2] ?? 100);
const seed = Number(process.argv[3] ?? 1);
const dialled = 3;
const timeoutMs = 10_000;

class Honest extends SecureNode {
  readonly heardOf = new Set<string>();

  override nodeBroadcast(origin: string): void {
    const neighbours = this.allNodes.map(({ id }) => id);
    this.sendTo(origin, { author: this.id, neighbours }, { timeoutMs }).catch(() => {});
  }

  override nodeMessage(_peer: unknown, data: unknown): void {
    this.heardOf.add((data as { author: string }).author);
  }
}

class Hider extends Node {
  constructor(host: string, port: number, options: SimulatedNodeOptions) {
    const frames = new SecureFrames();
    super(host, port, { ...options, protocols: [frames] });
    frames.onFrame = ({ kind, data }, peer) => {
      if (kind !== SecureFrameKind.relay) return;
      peer.send(encodeSecureFrame(SecureFrameKind.taken, (data as { hash: string }).hash));
    };
  }
}

for (const tenths of [0, 1, 3]) {
  await showDiscover(tenths);
  await showBroadcast(tenths);
}

async function showDiscover(tenths: number): Promise<void> {
  const { world, honest } = await networkWith(tenths);
  const [asker] = honest as [Honest];
  const { bytes, timeMs } = world.metrics;
  const { nodes } = await world.settle(asker.discover({ timeoutMs }));
  const tookMs = world.metrics.timeMs - timeMs;
  const found = honest.filter(({ id }) => nodes.includes(id)).length;
  const kilobytes = (world.metrics.bytes - bytes) / 1e3;
  console.log(
    `${count} nodes, ${tenths}0 % hide others, seed ${seed}, discover(): ${found} of ${honest.length} found,`,
    `${kilobytes.toFixed(0)} kB, ${(tookMs / 1e3).toFixed(1)} s`,
  );
  await world.end();
}

async function showBroadcast(tenths: number): Promise<void> {
  const { world, all, honest } = await networkWith(tenths);
  const [asker] = honest as [Honest];
  const { bytes } = world.metrics;
  asker.broadcast('who is there?');
  await world.run({ seconds: 15 });
  const kilobytes = (world.metrics.bytes - bytes) / 1e3;
  const byId = new Map(all.map((node) => [node.id, node]));
  const led = honest.filter((node) => {
    let at: Node | undefined = node;
    while (at instanceof Honest && at !== asker) at = byId.get(at.route(asker.id)?.via.id ?? '');
    return at === asker;
  });
  console.log(
    `${count} nodes, ${tenths}0 % hide others, seed ${seed}, broadcast and letters: ${asker.heardOf.size + 1} of ${honest.length} found,`,
    `${kilobytes.toFixed(0)} kB; over the paths alone ${led.length}`,
  );
  await world.end();
}

async function networkWith(tenths: number): Promise<{ world: Simulation; all: Node[]; honest: Honest[] }> {
  const world = new Simulation({ seed, latencyMs: { from: 10, to: 100 } });
  const chance = new SeededChance(seed).stream('discover', 'links');
  const all = Array.from({ length: count }, (_, at): Node => {
    const Kind = at % 10 > 0 && at % 10 <= tenths ? Hider : Honest;
    return world.spawn(1, ({ host, port, options }): Node => new Kind(host, port, options))[0]!;
  });
  const dials = all.flatMap((node) =>
    Array.from({ length: dialled }, () => {
      const other = all[Math.floor(count * chance.random())]!;
      return other === node ? undefined : node.connectWithNode(other.host, other.port);
    }),
  );
  await world.settle(Promise.all(dials));
  await world.run({ seconds: 5 });
  return { world, all, honest: all.filter((node) => node instanceof Honest) };
}
