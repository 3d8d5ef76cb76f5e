/**
 * How soon the keepers of a topic find each other in a network in which hardly anybody keeps it. Each wants links with
 * two others. Another one comes an hour later. The walks alone, over five random links a node of 50 ms each, without nodes and connections.
 *
 * Run it: node scripts/keeper-figures.ts [nodes] [keepers] [seeds]
 */
import { Identity } from '../src/identity/identity.ts';
import type { OfKind } from '../src/overlay/history/history-frames.ts';
import { KeeperLinks } from '../src/overlay/history/keeper-links.ts';
import { KeeperWalks } from '../src/overlay/history/keeper-walks.ts';
import { type AddressRecord, signAddressRecord } from '../src/overlay/membership/address-record.ts';
import { VirtualRuntime } from '../src/simulator/virtual-runtime.ts';

const [count = 1_000, keepers = 5, seeds = 10] = process.argv.slice(2).map(Number);
const digest = '00'.repeat(16);
const linksOfNode = 5;
const latencyMs = 50;
/** To dial a keeper, and to learn that it keeps the topic. */
const dialMs = 300;

interface Link {
  readonly to: Walker;
  /** The same link, as the other side sees it. */
  back: Link;
}

/** One node of the network. */
class Walker {
  readonly number: number;
  readonly links: Link[] = [];
  readonly walks: KeeperWalks<Link>;
  keeperLinks: KeeperLinks | undefined;
  record: AddressRecord | undefined;
  readonly foundMs = new Map<string, number>();
  frames = 0;
  readonly #network: Network;

  constructor(network: Network, number: number) {
    this.#network = network;
    this.number = number;
    const runtime = network.runtime.of(`${number}`);
    this.walks = new KeeperWalks<Link>({
      runtime,
      neighbours: () => this.links,
      send: (link, frame) => void network.runtime.setTimeout(() => link.to.take(link.back, frame), latencyMs),
      keeps: () => this.keeperLinks !== undefined,
      ownRecord: () => this.record,
      onFound: (_digest, record) => {
        if (this.keeperLinks?.wants(digest, record.id) !== true) return false;
        void this.keeperLinks.found(digest, record, undefined as never);
        return true;
      },
    });
  }

  keep(): void {
    const runtime = this.#network.runtime.of(`${this.number}`);
    const identity = Identity.generate();
    const draft = { network: '', sequence: 1, addresses: [`tcp://10.0.0.1:${this.number + 1}`] };
    this.record = signAddressRecord(identity, draft) as AddressRecord;
    const { id } = this.record;
    this.keeperLinks = new KeeperLinks({
      runtime,
      links: {
        record: this.record,
        reach: (other) => this.#network.connect(this, other.id),
        holdForTopic: () => {},
        releaseFromTopics: () => {},
      },
      seek: () => this.walks.seek(digest),
      tell: () => this.walks.tell(digest),
    });
    this.#network.keepers.set(id, this);
    this.keeperLinks.kept(digest);
  }

  met(other: Walker): void {
    this.foundMs.set(other.record!.id, this.#network.runtime.now());
    this.keeperLinks!.came(digest, other.record!.id);
  }

  take(from: Link, frame: OfKind<'seek' | 'found' | 'keeping'>): void {
    this.frames += 1;
    if (frame.kind === 'seek') this.walks.seeks(from, frame);
    else if (frame.kind === 'keeping') this.walks.tells(from, frame);
    else this.walks.found(from, frame);
  }
}

class Network {
  readonly runtime: VirtualRuntime;
  readonly keepers = new Map<string, Walker>();
  readonly nodes: Walker[];

  constructor(seed: number) {
    this.runtime = new VirtualRuntime({ seed });
    this.nodes = Array.from({ length: count }, (_, number) => new Walker(this, number));
    const random = this.runtime.chance.stream('network', 'links');
    const linksOf = (walker: Walker): number => walker.links.length;
    for (let tries = 0; tries < count * linksOfNode * 10; tries++) {
      const [one, other] = [0, 0].map(() => this.nodes[Math.floor(count * random.random())]!) as [
        Walker,
        Walker,
      ];
      const isFull = linksOf(one) >= linksOfNode || linksOf(other) >= linksOfNode;
      if (isFull || one === other || one.links.some(({ to }) => to === other)) continue;
      const there = { to: other } as Link;
      there.back = { to: one, back: there };
      one.links.push(there);
      other.links.push(there.back);
    }
  }

  connect(one: Walker, id: string): Promise<boolean> {
    const other = this.keepers.get(id)!;
    return new Promise((resolve) => {
      this.runtime.setTimeout(() => {
        resolve(true);
        if (one.foundMs.has(id)) return;
        one.met(other);
        other.met(one);
      }, dialMs);
    });
  }
}

const lateMs: number[] = [];
const firstMs: number[] = [];
const secondMs: number[] = [];
let frames = 0;
for (let seed = 1; seed <= seeds; seed++) {
  const network = new Network(seed);
  const chosen = network.nodes.slice(0, keepers);
  for (const keeper of chosen) keeper.keep();
  await network.runtime.advance(3_600_000);
  for (const { foundMs } of chosen) {
    const times = [...foundMs.values()].sort((one, other) => one - other);
    firstMs.push(times[0] ?? Number.POSITIVE_INFINITY);
    secondMs.push(times[1] ?? Number.POSITIVE_INFINITY);
  }
  frames += network.nodes.reduce((sum, node) => sum + node.frames, 0);
  const late = network.nodes[keepers]!;
  const startedMs = network.runtime.now();
  late.keep();
  await network.runtime.advance(3_600_000);
  lateMs.push(
    ([...late.foundMs.values()].sort((one, other) => one - other)[1] ?? Number.POSITIVE_INFINITY) - startedMs,
  );
}

const shown = (times: number[]): string => {
  const sorted = times.sort((one, other) => one - other);
  const at = (share: number): string =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]! / 1e3).toFixed(1)} s`;
  return `median ${at(0.5)}, 90 % ${at(0.9)}, longest ${at(1)}`;
};
console.log(`${count} nodes, ${keepers} keepers, ${seeds} seeds: another keeper after ${shown(firstMs)};`);
console.log(`a second one after ${shown(secondMs)}; ${Math.round(frames / seeds)} frames in all in an hour`);
console.log(`one that comes an hour later has two after ${shown(lateMs)}`);
