import { nextTurn, sharedNowMs } from '../clock.ts';
import { encodeFor, type Payload, Tally, tallyPlan } from '../payload.ts';
import type { Metric, Row, Side, Sides } from '../row.ts';
import type { Link, Message, Plan, Sent, System } from '../system.ts';

/** How a row of messages in one direction differs from the others. */
export interface OneWay {
  readonly name: string;
  readonly metric: Metric;
  readonly messageBytes: number;
  /** What one message adds to the metric. */
  readonly perMessage: number;
  readonly payload: () => Payload;
  /** Messages differ in length, so that bare sockets need framing. */
  readonly varies?: boolean;
  /** Each message is encoded when it is sent; otherwise the payload is encoded beforehand. */
  readonly encodesEach?: boolean;
  /** What the receiver makes of a message before it counts it. */
  readonly decode?: (message: Message) => Message;
  /** The metric is for each second of processor time of the busier process, not for each second. */
  readonly byProcessorTime?: boolean;
}

interface Sending {
  readonly count: number;
  readonly sum: number;
  readonly startedAtMs: number;
}

interface Receiving {
  readonly count: number;
  readonly sum: number;
  readonly doneAtMs: number;
}

/** Sent between two looks at the clock, so that looking costs nothing. */
const batchBytes = 64 * 1024;

/** The receiver gives up when nothing has arrived for so long. */
const silenceMs = 5_000;

/** A row in which the client sends as fast as the system lets it, and the server receives and checks. */
export function oneWayRow(options: OneWay): Row {
  const { metric, messageBytes, decode } = options;

  function planFor(tally: Tally): Plan {
    const plan = tallyPlan(tally, { messageBytes, maxLinks: 1 });
    return {
      ...plan,
      ...(options.varies && { traffic: 'exchange' }),
      ...(decode && { onMessage: (message) => tally.add(decode(message)) }),
    };
  }

  return {
    name: options.name,
    metrics: [metric],

    async server(system: System): Promise<Side> {
      const tally = new Tally();
      const endpoint = await system.createEndpoint(planFor(tally));
      return {
        address: await endpoint.listen(),
        actions: {
          cpuSeconds,
          receive: async (count: number): Promise<Receiving> => ({
            ...(await tally.take(count, silenceMs)),
            doneAtMs: sharedNowMs(),
          }),
        },
        stop: () => endpoint.stop(),
      };
    },

    async client(system: System, address: string): Promise<Side> {
      const endpoint = await system.createEndpoint(planFor(new Tally()));
      const link = await endpoint.dial(address);
      const { messages, sums } = options.payload();
      const encode = (message: Message): Message => encodeFor(system, message);
      const flood: Flood = { link, sums, messageBytes, messages, send: (message) => link.send(message) };
      if (options.encodesEach) flood.send = (message) => link.send(encode(message));
      else flood.messages = messages.map(encode);
      return {
        actions: { cpuSeconds, send: (sampleMs: number) => sendFor(sampleMs, flood) },
        stop: () => endpoint.stop(),
      };
    },

    async sample(sides, sampleMs) {
      const { client, server } = sides;
      const before = options.byProcessorTime ? await cpuSecondsOf(sides) : [];
      const sent = await client<Sending>('send', sampleMs);
      const received = await server<Receiving>('receive', sent.count);
      if (received.count !== sent.count || received.sum !== sent.sum) {
        throw new Error(
          `sent ${sent.count} messages with checksum ${sent.sum}, received ${received.count} with ${received.sum}`,
        );
      }
      const seconds = options.byProcessorTime
        ? Math.max(...(await cpuSecondsOf(sides)).map((after, index) => after - before[index]!))
        : (received.doneAtMs - sent.startedAtMs) / 1000;
      return { [metric.name]: (sent.count * options.perMessage) / seconds };
    },
  };
}

/** What this process has taken of the processor, with its other threads. */
async function cpuSeconds(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function cpuSecondsOf({ client, server }: Sides): Promise<number[]> {
  return Promise.all([client<number>('cpuSeconds'), server<number>('cpuSeconds')]);
}

interface Flood {
  readonly link: Link;
  readonly sums: readonly number[];
  readonly messageBytes: number;
  messages: readonly Message[];
  send: (message: Message) => Sent;
}

async function sendFor(sampleMs: number, flood: Flood): Promise<Sending> {
  const { link, send, messages, sums } = flood;
  const batch = Math.max(1, Math.floor(batchBytes / flood.messageBytes));
  const startedAtMs = sharedNowMs();
  let count = 0;
  let sum = 0;
  while (sharedNowMs() - startedAtMs < sampleMs) {
    let sent: Sent = true;
    for (let index = 0; index < batch && sent === true; index++) {
      const which = count % messages.length;
      sent = send(messages[which]!);
      sum += sums[which]!;
      count += 1;
    }
    if (sent === false) await link.drained();
    else if (sent !== true) await sent;
    // A system that never says stop must not keep its own socket from being written.
    else if (count % (batch * 64) === 0) await nextTurn();
  }
  return { count, sum, startedAtMs };
}
