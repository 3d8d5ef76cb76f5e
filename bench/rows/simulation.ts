import type { Node, NodeConnection } from '../../src/index.ts';
import type { Simulation } from '../../src/simulator/index.ts';
import { sharedNowMs } from '../clock.ts';
import type { Row, Side } from '../row.ts';
import { builtModule } from '../systems/package-under-test.ts';

/** Further nodes that each node dials, by how far they stand behind it in the list. */
const steps = [1, 7, 31];

interface GossipNode extends Node {
  tell(message: string): void;
}

/** What a world has done since it began. */
interface Totals {
  readonly events: number;
  readonly received: number;
}

/**
 * A simulated network in one process: nodes are made and connected, six connections each, and then flooded with messages
 * of 100 bytes that each node passes on once.
 */
export const simulation: Row = {
  name: 'simulation',
  metrics: [
    { name: 'simulation-nodes', title: 'simulated nodes, connected', unit: 'nodes/s', better: 'higher' },
    { name: 'simulation-events', title: 'simulated events', unit: 'events/s', better: 'higher' },
    { name: 'simulation-messages', title: 'simulated messages', unit: 'messages/s', better: 'higher' },
    {
      name: 'simulation-fast-messages',
      title: 'simulated messages, fast mode',
      unit: 'messages/s',
      better: 'higher',
    },
  ],

  async server(): Promise<Side> {
    const { newWorld, spawn } = await simulator();
    let world = newWorld('wire');
    let nodes: GossipNode[] = [];
    const connect = async (count: number, mode: 'wire' | 'fast'): Promise<number> => {
      const startedAtMs = sharedNowMs();
      world = newWorld(mode);
      nodes = spawn(world, count);
      const dials = nodes.flatMap((node, index) =>
        steps.map((step) => {
          const { host, port } = nodes[(index + step) % count]!;
          return node.connectWithNode(host, port);
        }),
      );
      await world.settle(Promise.all(dials));
      return (count * 1_000) / (sharedNowMs() - startedAtMs);
    };
    return {
      address: '',
      actions: {
        /** @returns nodes a second. */
        connect: (count: number) => connect(count, 'wire'),
        /** The same for a world in fast mode. */
        connectFast: (count: number) => connect(count, 'fast'),
        async flood(sampleMs: number): Promise<Totals & { readonly tookMs: number }> {
          const before = totalsOf(world);
          const startedAtMs = sharedNowMs();
          for (let round = 0; round === 0 || sharedNowMs() - startedAtMs < sampleMs; round++) {
            for (let index = 0; index < 10; index++) {
              nodes[(round * 37 + index) % nodes.length]!.tell(`${round}-${index}`.padEnd(100, '.'));
            }
            await world.idle();
          }
          const tookMs = sharedNowMs() - startedAtMs;
          const { events, received } = totalsOf(world);
          return { events: events - before.events, received: received - before.received, tookMs };
        },
      },
      stop: async () => {},
    };
  },

  async client(): Promise<Side> {
    return { actions: {}, stop: async () => {} };
  },

  async sample({ server }, sampleMs, { simulatedNodes }) {
    const nodes = await server<number>('connect', simulatedNodes);
    const { events, received, tookMs } = await server<Totals & { tookMs: number }>('flood', sampleMs);
    await server<number>('connectFast', simulatedNodes);
    const fast = await server<Totals & { tookMs: number }>('flood', sampleMs);
    const least = Math.min(received, fast.received);
    if (least < simulatedNodes) throw new Error(`${least} messages are too few for ${simulatedNodes} nodes`);
    return {
      'simulation-nodes': nodes,
      'simulation-events': (events * 1_000) / tookMs,
      'simulation-messages': (received * 1_000) / tookMs,
      'simulation-fast-messages': (fast.received * 1_000) / fast.tookMs,
    };
  },
};

function totalsOf({ metrics }: Simulation): Totals {
  return { events: metrics.events, received: metrics.messages.received };
}

async function simulator() {
  const peerloom = (await import(builtModule())) as typeof import('../../src/index.ts');
  const { Simulation } = (await import(
    builtModule('/simulator')
  )) as typeof import('../../src/simulator/index.ts');

  class Gossip extends peerloom.Node implements GossipNode {
    readonly #heard = new Set<string>();

    tell(message: string): void {
      this.#heard.add(message);
      this.sendToNodes(message);
    }

    override nodeMessage(peer: NodeConnection, data: unknown): void {
      const message = data as string;
      if (this.#heard.has(message)) return;
      this.#heard.add(message);
      this.sendToNodes(message, { exclude: [peer] });
    }
  }

  return {
    newWorld: (mode: 'wire' | 'fast') => new Simulation({ seed: 7, latencyMs: { from: 10, to: 100 }, mode }),
    spawn: (world: Simulation, count: number): GossipNode[] =>
      world.spawn(count, ({ host, port, options }) => new Gossip(host, port, options)),
  };
}
