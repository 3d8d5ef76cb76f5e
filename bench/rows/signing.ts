import { sharedNowMs } from '../clock.ts';
import { jsonPayload } from '../payload.ts';
import type { Row, Side } from '../row.ts';
import type { System } from '../system.ts';
import { createSecureEndpoint } from './secure-endpoint.ts';

/** Between two looks at the clock. */
const batch = 50;

/** What it costs to sign a message of about 100 bytes, and to check it: one core, no link. */
export const signing: Row = {
  name: 'signing',
  metrics: [
    { name: 'sign', title: 'sign 100 B', unit: 'µs', better: 'lower' },
    { name: 'verify', title: 'verify 100 B', unit: 'µs', better: 'lower' },
  ],

  async server(): Promise<Side> {
    return { address: 'none', actions: {}, stop: async () => {} };
  },

  async client(system: System): Promise<Side> {
    const node = await createSecureEndpoint(system);
    const messages = jsonPayload().messages as { readonly [key: string]: string }[];
    const signatures = await Promise.all(messages.map((message) => node.sign(message)));
    const messageOf = (index: number) => messages[index % messages.length]!;
    return {
      actions: {
        async measure(sampleMs: number): Promise<Record<string, number>> {
          return {
            sign: await microsecondsOf(sampleMs / 2, (index) => node.sign(messageOf(index))),
            verify: await microsecondsOf(sampleMs / 2, async (index) => {
              const signature = signatures[index % messages.length]!;
              if (!node.verify(node.id, messageOf(index), signature)) throw new Error('a signature is wrong');
            }),
          };
        },
      },
      stop: () => node.stop(),
    };
  },

  sample: ({ client }, sampleMs) => client<Record<string, number>>('measure', sampleMs),
};

async function microsecondsOf(sampleMs: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const startedAtMs = sharedNowMs();
  let count = 0;
  let elapsedMs: number;
  do {
    for (let index = 0; index < batch; index++) await work(count++);
    elapsedMs = sharedNowMs() - startedAtMs;
  } while (elapsedMs < sampleMs);
  return (elapsedMs * 1000) / count;
}
