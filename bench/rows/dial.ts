import { sharedNowMs } from '../clock.ts';
import type { Row, Side } from '../row.ts';
import type { Endpoint, Plan, System } from '../system.ts';

const atOnce = 50;

const plan: Plan = {
  traffic: 'none',
  messageBytes: 100,
  maxLinks: 1_000,
  onMessage: () => {},
  onPiece: () => {},
};

/** Authenticated connections, made and closed: one after the other, and by 50 identities at once. */
export const dial: Row = {
  name: 'dial',
  metrics: [
    { name: 'dial', title: 'dial, one by one', unit: 'connections/s', better: 'higher' },
    { name: 'dial-50', title: 'dial, 50 at once', unit: 'connections/s', better: 'higher' },
  ],
  needsAuthentication: true,

  async server(system: System): Promise<Side> {
    const endpoint = await system.createEndpoint(plan);
    return { address: await endpoint.listen(), actions: {}, stop: () => endpoint.stop() };
  },

  async client(system: System, address: string): Promise<Side> {
    const endpoints = await Promise.all(
      Array.from({ length: atOnce }, () => system.createEndpoint({ ...plan, maxLinks: 1 })),
    );
    return {
      actions: {
        dial: async (sampleMs: number) => ({
          dial: await dialFor(sampleMs, endpoints.slice(0, 1), address),
          'dial-50': await dialFor(sampleMs, endpoints, address),
        }),
      },
      stop: () => Promise.all(endpoints.map((endpoint) => endpoint.stop())),
    };
  },

  sample: ({ client }, sampleMs) => client<Record<string, number>>('dial', sampleMs),
};

/** @returns connections a second. */
async function dialFor(sampleMs: number, endpoints: readonly Endpoint[], address: string): Promise<number> {
  const startedAtMs = sharedNowMs();
  const endAtMs = startedAtMs + sampleMs;
  let made = 0;
  const dialOn = async (endpoint: Endpoint): Promise<void> => {
    do {
      const link = await endpoint.dial(address);
      made += 1;
      await link.stop();
    } while (sharedNowMs() < endAtMs);
  };
  await Promise.all(endpoints.map(dialOn));
  return made / ((sharedNowMs() - startedAtMs) / 1000);
}
