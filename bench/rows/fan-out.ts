import { nextTurn, sharedNowMs } from '../clock.ts';
import { binaryPayload, Tally, tallyPlan } from '../payload.ts';
import type { Row, Scale, Side } from '../row.ts';
import type { Endpoint, Link, Message, System } from '../system.ts';

const messageBytes = 1024;

/** The receivers give up when nothing has arrived for so long. */
const silenceMs = 5_000;

interface Spreading {
  readonly deliveries: number;
  readonly startedAtMs: number;
}

interface Arrival {
  readonly deliveries: number;
  readonly doneAtMs: number;
}

/** 1 KiB to all neighbours at once. The client is in the middle; the server process holds the neighbours. */
export const fanOut: Row = {
  name: 'fan-out',
  metrics: [{ name: 'fan-out', title: '1 KiB to all neighbours', unit: 'deliveries/s', better: 'higher' }],

  async server(system: System, scale: Scale): Promise<Side> {
    const tally = new Tally();
    const endpoints = await Promise.all(
      Array.from({ length: scale.neighbours }, () =>
        system.createEndpoint(tallyPlan(tally, { messageBytes, maxLinks: 1 })),
      ),
    );
    const addresses = await Promise.all(endpoints.map((endpoint) => endpoint.listen()));
    return {
      address: addresses.join(' '),
      actions: {
        async receive(deliveries: number): Promise<Arrival> {
          const { count } = await tally.take(deliveries, silenceMs);
          return { deliveries: count, doneAtMs: sharedNowMs() };
        },
      },
      stop: () => Promise.all(endpoints.map((endpoint) => endpoint.stop())),
    };
  },

  async client(system: System, address: string): Promise<Side> {
    const addresses = address.split(' ');
    const endpoint = await system.createEndpoint(
      tallyPlan(new Tally(), { messageBytes, maxLinks: addresses.length }),
    );
    const { messages } = binaryPayload(messageBytes);
    const links: Link[] = [];
    for (const one of addresses) links.push(await endpoint.dial(one));
    return {
      actions: {
        async spread(sampleMs: number): Promise<Spreading> {
          const startedAtMs = sharedNowMs();
          let times = 0;
          while (sharedNowMs() - startedAtMs < sampleMs) {
            await sendToAll(endpoint, links, messages[times++ % messages.length]!);
          }
          return { deliveries: times * links.length, startedAtMs };
        },
        countReads: () => countReads(endpoint, links),
      },
      stop: () => endpoint.stop(),
    };
  },

  async sample({ client, server }, sampleMs, scale) {
    const { deliveries, startedAtMs } = await client<Spreading>('spread', sampleMs);
    const arrival = await server<Arrival>('receive', deliveries);
    if (arrival.deliveries !== deliveries) {
      throw new Error(`${deliveries} deliveries were to be made, ${arrival.deliveries} arrived`);
    }
    const reads = await client<number | undefined>('countReads');
    if (reads !== undefined) {
      await server('receive', scale.neighbours);
      if (reads >= scale.neighbours) throw new Error('the payload is encoded for each neighbour again');
    }
    return { 'fan-out': deliveries / ((arrival.doneAtMs - startedAtMs) / 1000) };
  },
};

async function sendToAll(endpoint: Endpoint, links: readonly Link[], message: Message): Promise<void> {
  let congested: readonly Link[];
  if (endpoint.sendToAll) {
    congested = endpoint.sendToAll(links, message);
  } else {
    const waits: Promise<unknown>[] = [];
    congested = links.filter((link) => {
      const sent = link.send(message);
      if (typeof sent !== 'boolean') waits.push(sent);
      return sent === false;
    });
    await Promise.all(waits);
  }
  await (congested.length > 0 ? Promise.all(congested.map((link) => link.drained())) : nextTurn());
}

/** How often an object is read to send it to all; undefined where the sender encodes it before it sends. */
async function countReads(endpoint: Endpoint, links: readonly Link[]): Promise<number | undefined> {
  if (endpoint.sendToAll === undefined) return undefined;
  let reads = 0;
  await sendToAll(endpoint, links, {
    get sequence() {
      reads += 1;
      return 0;
    },
  });
  return reads;
}
