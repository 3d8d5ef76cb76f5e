import { sharedNowMs } from '../clock.ts';
import { Tally } from '../payload.ts';
import type { Row, Side } from '../row.ts';
import type { Endpoint, Plan, System } from '../system.ts';

const atOnce = 50;

/** The listener gives up when it has accepted no one for so long. */
const silenceMs = 5_000;

interface Dialling {
  readonly connections: number;
  readonly perSecond: number;
}

const plan: Plan = {
  traffic: 'none',
  messageBytes: 100,
  maxLinks: 1_000,
  onMessage: () => {},
  onPiece: () => {},
};

/**
 * Authenticated connections, made and closed: one after the other, and by 50 identities at once. A sample fails
 * unless the listener, too, has authenticated every one.
 */
export const dial: Row = {
  name: 'dial',
  metrics: [
    { name: 'dial', title: 'dial, one by one', unit: 'connections/s', better: 'higher' },
    { name: 'dial-50', title: 'dial, 50 at once', unit: 'connections/s', better: 'higher' },
  ],
  needsAuthentication: true,

  async server(system: System): Promise<Side> {
    const tally = new Tally();
    const endpoint = await system.createEndpoint({ ...plan, onAccepted: () => tally.add('') });
    return {
      address: await endpoint.listen(),
      actions: { accepted: async (count: number) => (await tally.take(count, silenceMs)).count },
      stop: () => endpoint.stop(),
    };
  },

  async client(system: System, address: string): Promise<Side> {
    const endpoints = await Promise.all(
      Array.from({ length: atOnce }, () => system.createEndpoint({ ...plan, maxLinks: 1 })),
    );
    return {
      actions: {
        dial: (sampleMs: number) => dialFor(sampleMs, endpoints.slice(0, 1), address),
        'dial-50': (sampleMs: number) => dialFor(sampleMs, endpoints, address),
      },
      stop: () => Promise.all(endpoints.map((endpoint) => endpoint.stop())),
    };
  },

  async sample({ client, server }, sampleMs) {
    const figures: Record<string, number> = {};
    for (const metric of ['dial', 'dial-50']) {
      const { connections, perSecond } = await client<Dialling>(metric, sampleMs);
      const accepted = await server<number>('accepted', connections);
      if (accepted < connections) throw new Error(`dialled ${connections}, accepted ${accepted}`);
      figures[metric] = perSecond;
    }
    return figures;
  },
};

async function dialFor(sampleMs: number, endpoints: readonly Endpoint[], address: string): Promise<Dialling> {
  const startedAtMs = sharedNowMs();
  const endAtMs = startedAtMs + sampleMs;
  let connections = 0;
  const dialOn = async (endpoint: Endpoint): Promise<void> => {
    do {
      const link = await endpoint.dial(address);
      connections += 1;
      await link.stop();
    } while (sharedNowMs() < endAtMs);
  };
  await Promise.all(endpoints.map(dialOn));
  return { connections, perSecond: connections / ((sharedNowMs() - startedAtMs) / 1000) };
}
