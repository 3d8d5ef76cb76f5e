import { delay, nextTurn, sharedNowMs } from '../clock.ts';
import { binaryPayload, Tally } from '../payload.ts';
import { EchoRequests } from '../requests.ts';
import type { Row, Side } from '../row.ts';
import { quantile } from '../statistics.ts';
import type { Link, Message, Plan, System } from '../system.ts';

const floodBytes = 1024 * 1024;
const pingBytes = 100;

/** Between one ping's answer and the next ping. */
const pauseMs = 2;

/** The receiver gives up when nothing has arrived for so long. */
const silenceMs = 5_000;

interface Flooding {
  readonly tripsMs: readonly number[];
  /** Messages of the flood. */
  readonly count: number;
  readonly startedAtMs: number;
}

interface Arrival {
  readonly count: number;
  readonly doneAtMs: number;
}

function planFor(onMessage: Plan['onMessage']): Plan {
  return { traffic: 'exchange', messageBytes: floodBytes, maxLinks: 1, onMessage, onPiece: () => {} };
}

/** Does a small message get through while large ones flood the same link? */
export const mixed: Row = {
  name: 'mixed',
  metrics: [
    { name: 'mixed-p99', title: 'ping p99 under 1 MiB flood', unit: 'ms', better: 'lower' },
    { name: 'mixed-flood', title: 'flood meanwhile', unit: 'MB/s', better: 'higher' },
  ],

  async server(system: System): Promise<Side> {
    const tally = new Tally();
    const endpoint = await system.createEndpoint(
      planFor((message, link) => {
        if ((message as Uint8Array).length === pingBytes) void link.send(message);
        else tally.add(message);
      }),
    );
    return {
      address: await endpoint.listen(),
      actions: {
        async receive(count: number): Promise<Arrival> {
          const received = await tally.take(count, silenceMs);
          return { count: received.count, doneAtMs: sharedNowMs() };
        },
      },
      stop: () => endpoint.stop(),
    };
  },

  async client(system: System, address: string): Promise<Side> {
    const echoes = new EchoRequests();
    const endpoint = await system.createEndpoint(planFor((message) => echoes.onMessage(message)));
    const link = await endpoint.dial(address);
    const ping = link.ping ? () => link.ping!() : pingByEcho(echoes, link);
    return {
      actions: { floodAndPing: (sampleMs: number) => floodAndPing(link, ping, sampleMs) },
      stop: () => endpoint.stop(),
    };
  },

  async sample({ client, server }, sampleMs) {
    const { tripsMs, count, startedAtMs } = await client<Flooding>('floodAndPing', sampleMs);
    const arrival = await server<Arrival>('receive', count);
    if (arrival.count !== count) throw new Error(`sent ${count} messages, received ${arrival.count}`);
    const seconds = (arrival.doneAtMs - startedAtMs) / 1000;
    return {
      'mixed-p99': quantile(tripsMs, 0.99),
      'mixed-flood': (count * floodBytes) / 1e6 / seconds,
    };
  },
};

function pingByEcho(echoes: EchoRequests, link: Link): () => Promise<void> {
  const message = binaryPayload(pingBytes).messages[0] as Uint8Array;
  return () => echoes.request(link, message);
}

async function floodAndPing(link: Link, ping: () => Promise<unknown>, sampleMs: number): Promise<Flooding> {
  const startedAtMs = sharedNowMs();
  const endAtMs = startedAtMs + sampleMs;
  const { messages } = binaryPayload(floodBytes);
  const flooding = flood(link, messages, endAtMs);
  const tripsMs: number[] = [];
  do {
    const before = sharedNowMs();
    await ping();
    tripsMs.push(sharedNowMs() - before);
    await delay(pauseMs);
  } while (sharedNowMs() < endAtMs);
  return { tripsMs, count: await flooding, startedAtMs };
}

/** @returns messages sent. */
async function flood(link: Link, messages: readonly Message[], endAtMs: number): Promise<number> {
  let count = 0;
  while (sharedNowMs() < endAtMs) {
    const sent = link.send(messages[count++ % messages.length]!);
    if (sent === false) await link.drained();
    else if (sent !== true) await sent;
    else if (count % 8 === 0) await nextTurn();
  }
  return count;
}
