import { nextTurn, sharedNowMs } from '../clock.ts';
import type { Row, Side } from '../row.ts';
import type { System } from '../system.ts';

const bodyBytes = 100;

/** So many are under way at once. */
const burst = 50;

/** The sink gives up when nothing has arrived for so long. */
const silenceMs = 10_000;

/** A node between two others passes broadcasts on: the processor time of its process, which does nothing else. */
export const passingOn: Row = {
  name: 'passing-on',
  metrics: [{ name: 'passing-on', title: 'a broadcast passed on', unit: 'µs CPU', better: 'lower' }],

  async server(system: System): Promise<Side> {
    const between = await system.createMember!(() => {});
    return {
      address: between.address,
      actions: {
        async cpuUs(): Promise<number> {
          const { user, system } = process.cpuUsage();
          return user + system;
        },
      },
      stop: () => between.stop(),
    };
  },

  async client(system: System, address: string): Promise<Side> {
    let heard = 0;
    const origin = await system.createMember!(() => {});
    const sink = await system.createMember!(() => {
      heard += 1;
    });
    for (const end of [origin, sink]) await end.connect(address);
    const arrive = async (expected: number): Promise<void> => {
      let [lastHeard, lastAtMs] = [heard, sharedNowMs()];
      while (heard < expected) {
        await nextTurn();
        if (heard !== lastHeard) [lastHeard, lastAtMs] = [heard, sharedNowMs()];
        else if (sharedNowMs() - lastAtMs > silenceMs) throw new Error(`${heard} of ${expected} arrived`);
      }
    };
    return {
      actions: {
        ready: () => Promise.all([origin.ready(1), sink.ready(1)]),
        async send(sampleMs: number): Promise<number> {
          const untilMs = sharedNowMs() + sampleMs;
          let sent = 0;
          heard = 0;
          while (sharedNowMs() < untilMs) {
            for (let count = 0; count < burst; count++) await origin.broadcast(new Uint8Array(bodyBytes));
            sent += burst;
            await arrive(sent);
          }
          if (heard !== sent) throw new Error('a broadcast arrived twice');
          return sent;
        },
      },
      stop: () => Promise.all([origin.stop(), sink.stop()]),
    };
  },

  async sample({ client, server }, sampleMs) {
    await client('ready');
    const beforeUs = await server<number>('cpuUs');
    const sent = await client<number>('send', sampleMs);
    return { 'passing-on': ((await server<number>('cpuUs')) - beforeUs) / sent };
  },
};
