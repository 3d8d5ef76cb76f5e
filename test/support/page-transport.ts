import type { Transport } from '../../src/index.ts';
import { DiallingWebSocketTransport } from '../../src/transport/websocket/dialling-transport.ts';

/** The transport of a page of this origin, which dials by the global WebSocket as in a browser. */
export function pageTransport(origin: string, headers: Readonly<Record<string, string>> = {}): Transport {
  const transport = new DiallingWebSocketTransport();
  const { WebSocket } = globalThis;
  class PageWebSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, { protocols, headers: { Origin: origin, ...headers } } as unknown as string[]);
    }
  }
  const dial = transport.dial.bind(transport);
  transport.dial = (...details) => {
    globalThis.WebSocket = PageWebSocket as typeof WebSocket;
    // The socket is made before dial returns its promise.
    const link = dial(...details);
    globalThis.WebSocket = WebSocket;
    return link;
  };
  return transport;
}
