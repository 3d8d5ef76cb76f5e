import { sharedNowMs } from '../clock.ts';
import type { Row, Scale, Side } from '../row.ts';
import { median } from '../statistics.ts';
import type { System } from '../system.ts';
import { createSecureEndpoint } from './secure-endpoint.ts';

const fewItems = 100;
const manyItems = { quick: 10_000, full: 100_000 } as const satisfies Record<Scale['name'], number>;
/** Put between two answers to the process that measures, so that none of them takes long. */
const lot = 5_000;
const grants = 41;

interface Filling {
  readonly collection: string;
  readonly from: number;
  readonly to: number;
}

/** A grant in a collection of few items and in one of many, by turns: it must not depend on their number. */
export const grant: Row = {
  name: 'grant',
  metrics: [
    { name: 'grant-few', title: 'grant, 100 items', unit: 'ms', better: 'lower' },
    { name: 'grant-many', title: 'grant, many items', unit: 'ms', better: 'lower' },
    { name: 'grant-ratio', title: 'grant, many to 100', unit: '×', better: 'lower' },
  ],
  freshProcesses: true,

  async server(system: System): Promise<Side> {
    const node = await createSecureEndpoint(system);
    return {
      address: 'none',
      actions: {
        async fill({ collection, from, to }: Filling): Promise<void> {
          for (let item = from; item < to; item++) await node.vault.put(collection, `item ${item}`, item);
        },
        async grant(): Promise<Record<string, number>> {
          const tripsMs: Record<'few' | 'many', number[]> = { few: [], many: [] };
          for (let count = 0; count < grants; count++) {
            for (const collection of ['few', 'many'] as const) {
              const reader = node.newId();
              const startedAtMs = sharedNowMs();
              await node.vault.grant(collection, reader);
              tripsMs[collection].push(sharedNowMs() - startedAtMs);
            }
          }
          const [few, many] = [median(tripsMs.few), median(tripsMs.many)];
          return { 'grant-few': few, 'grant-many': many, 'grant-ratio': many / few };
        },
      },
      stop: () => node.stop(),
    };
  },

  async client(): Promise<Side> {
    return { actions: {}, stop: async () => {} };
  },

  async sample({ server }, _sampleMs, { name }) {
    await server('fill', { collection: 'few', from: 0, to: fewItems });
    for (let from = 0; from < manyItems[name]; from += lot) {
      await server('fill', { collection: 'many', from, to: from + lot });
    }
    return server<Record<string, number>>('grant');
  },
};
