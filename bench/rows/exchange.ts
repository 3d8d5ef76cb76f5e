import { binaryPayload } from '../payload.ts';
import { EchoRequests } from '../requests.ts';
import type { Row, Side } from '../row.ts';
import type { Link, Message, Plan, System } from '../system.ts';

const messageBytes = 100;

/** Asks the other side something. */
export type Ask = () => Promise<unknown>;

function planFor(onMessage: Plan['onMessage']): Plan {
  return { traffic: 'exchange', messageBytes, maxLinks: 1, onMessage, onPiece: () => {} };
}

/** A row in which the client asks and the server echoes 100 bytes. */
export function exchangeRow(
  options: Pick<Row, 'name' | 'metrics'> & {
    readonly measure: (ask: Ask, sampleMs: number) => Promise<Record<string, number>>;
  },
): Row {
  return {
    name: options.name,
    metrics: options.metrics,

    async server(system: System): Promise<Side> {
      const echo = (message: Message, link: Link): void => void link.send(message);
      const endpoint = await system.createEndpoint(planFor(echo));
      return { address: await endpoint.listen(), actions: {}, stop: () => endpoint.stop() };
    },

    async client(system: System, address: string): Promise<Side> {
      const echoes = new EchoRequests();
      const endpoint = await system.createEndpoint(planFor((message) => echoes.onMessage(message)));
      const link = await endpoint.dial(address);
      const message = binaryPayload(messageBytes).messages[0] as Uint8Array;
      const ask = link.request ? () => link.request!(message) : () => echoes.request(link, message);
      return {
        actions: { ask: (sampleMs: number) => options.measure(ask, sampleMs) },
        stop: () => endpoint.stop(),
      };
    },

    sample: ({ client }, sampleMs) => client<Record<string, number>>('ask', sampleMs),
  };
}
