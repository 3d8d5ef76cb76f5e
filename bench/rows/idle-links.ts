import { delay } from '../clock.ts';
import type { Row, Scale, Side } from '../row.ts';
import type { Endpoint, Plan, System } from '../system.ts';

/** Time for buffers of the handshakes to be let go. */
const settleMs = 300;

interface Observation {
  /** The memory of the process that is its own, in KB. */
  readonly memory: number;
}

function planFor(scale: Scale): Plan {
  return {
    traffic: 'none',
    messageBytes: 100,
    maxLinks: scale.idleEndpoints,
    onMessage: () => {},
    onPiece: () => {},
  };
}

/**
 * Many links that say nothing. Every endpoint of one process is linked with every one of the other, so that
 * the links weigh, not the endpoints. The first endpoint's links are there before the first look: what is
 * made but once does not count.
 */
export const idleLinks: Row = {
  name: 'idle-links',
  metrics: [
    { name: 'memory-dialler', title: 'idle link, dialling side', unit: 'KB', better: 'lower' },
    { name: 'memory-listener', title: 'idle link, listening side', unit: 'KB', better: 'lower' },
    { name: 'idle-cpu', title: 'idle links, busier side', unit: '% of a core', better: 'lower' },
  ],
  freshProcesses: true,

  async server(system: System, scale: Scale): Promise<Side> {
    const endpoints = await createEndpoints(system, scale);
    const addresses = await Promise.all(endpoints.map((endpoint) => endpoint.listen()));
    return { address: addresses.join(' '), actions: observations, stop: () => stopAll(endpoints) };
  },

  async client(system: System, address: string, scale: Scale): Promise<Side> {
    const endpoints = await createEndpoints(system, scale);
    const addresses = address.split(' ');
    const dialAll = async (endpoint: Endpoint): Promise<void> => {
      for (const one of addresses) await endpoint.dial(one);
    };
    return {
      actions: {
        ...observations,
        dialFirst: () => dialAll(endpoints[0]!),
        async dialOthers() {
          for (const endpoint of endpoints.slice(1)) await dialAll(endpoint);
        },
      },
      stop: () => stopAll(endpoints),
    };
  },

  async sample({ client, server }, _sampleMs, scale) {
    const observe = (): Promise<[Observation, Observation]> =>
      Promise.all([client<Observation>('observe'), server<Observation>('observe')]);
    await client('dialFirst');
    const [clientBefore, serverBefore] = await observe();
    await client('dialOthers');
    const [clientAfter, serverAfter] = await observe();
    const links = scale.idleEndpoints * (scale.idleEndpoints - 1);
    const cpu = await Promise.all([
      client<number>('idle', scale.idleMs),
      server<number>('idle', scale.idleMs),
    ]);
    return {
      'memory-dialler': (clientAfter.memory - clientBefore.memory) / links,
      'memory-listener': (serverAfter.memory - serverBefore.memory) / links,
      'idle-cpu': Math.max(...cpu),
    };
  },
};

function createEndpoints(system: System, scale: Scale): Promise<Endpoint[]> {
  return Promise.all(
    Array.from({ length: scale.idleEndpoints }, () => system.createEndpoint(planFor(scale))),
  );
}

function stopAll(endpoints: readonly Endpoint[]): Promise<unknown> {
  return Promise.all(endpoints.map((endpoint) => endpoint.stop()));
}

const observations = {
  async observe(): Promise<Observation> {
    await delay(settleMs);
    for (let times = 0; times < 3; times++) {
      globalThis.gc?.();
      await delay(20);
    }
    return { memory: process.memoryUsage.rss() / 1024 };
  },

  /** @returns percents of a core. */
  async idle(idleMs: number): Promise<number> {
    const before = process.cpuUsage();
    await delay(idleMs);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 10 / idleMs;
  },
};
