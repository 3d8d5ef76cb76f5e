import { delay, sharedNowMs } from '../clock.ts';
import { binaryPayload, Tally, tallyPlan } from '../payload.ts';
import type { Row, Side } from '../row.ts';
import type { Link, System } from '../system.ts';

const messageBytes = 64 * 1024;

/** Long enough for a sender without a bound to take hundreds of MB. */
const shortestSleepMs = 250;

/** The receiver gives up when nothing has arrived for so long. */
const silenceMs = 5_000;

interface Flooding {
  readonly count: number;
  readonly grownBytes: number;
}

/** What does a sender hold, whose reader sleeps? It sends for as long as it is let, and all must arrive later. */
export const sleepingReader: Row = {
  name: 'sleeping-reader',
  metrics: [{ name: 'sleeping-reader', title: 'sender grows, reader asleep', unit: 'MB', better: 'lower' }],
  freshProcesses: true,

  async server(system: System): Promise<Side> {
    const tally = new Tally();
    const endpoint = await system.createEndpoint(tallyPlan(tally, { messageBytes, maxLinks: 1 }));
    return {
      address: await endpoint.listen(),
      actions: {
        async sleep(sleepMs: number) {
          setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, sleepMs));
        },
        receive: async (count: number) => (await tally.take(count, silenceMs)).count,
      },
      stop: () => endpoint.stop(),
    };
  },

  async client(system: System, address: string): Promise<Side> {
    const endpoint = await system.createEndpoint(tallyPlan(new Tally(), { messageBytes, maxLinks: 1 }));
    const link = await endpoint.dial(address);
    return { actions: { flood: (sleepMs: number) => flood(link, sleepMs) }, stop: () => endpoint.stop() };
  },

  async sample({ client, server }, sampleMs) {
    const sleepMs = Math.max(sampleMs, shortestSleepMs);
    await server('sleep', sleepMs);
    const { count, grownBytes } = await client<Flooding>('flood', sleepMs);
    const received = await server<number>('receive', count);
    if (received !== count) throw new Error(`sent ${count} messages, received ${received}`);
    return { 'sleeping-reader': grownBytes / 1e6 };
  },
};

async function flood(link: Link, sleepMs: number): Promise<Flooding> {
  const { messages } = binaryPayload(messageBytes);
  const endAtMs = sharedNowMs() + sleepMs;
  const before = process.memoryUsage.rss();
  let most = before;
  let count = 0;
  while (sharedNowMs() < endAtMs) {
    const sent = link.send(messages[count++ % messages.length]!);
    most = Math.max(most, process.memoryUsage.rss());
    if (sent === true) continue;
    const goesOn = sent === false ? link.drained() : sent;
    await Promise.race([goesOn, delay(Math.max(0, endAtMs - sharedNowMs()))]);
  }
  return { count, grownBytes: most - before };
}
