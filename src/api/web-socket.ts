import { checkOptions } from '../base/arguments.ts';
import { pythonDialect } from '../p2pnetwork/dialect.ts';
import { TcpTransport } from '../transport/tcp/tcp-transport.ts';
import type { Transport } from '../transport/transport.ts';
import { listenAddresses } from './listen-addresses.ts';
import { resolveWebPort, type WebPortOptions, webPortNames } from './web-socket-options.ts';

/** The options of {@link webSocket}. They have no effect in a browser, where pages can only dial. */
export interface WebSocketOptions extends WebPortOptions {
  /**
   * The addresses on which to listen, in place of the node's host and port: `['192.0.2.7:10001', '[::1]:10001']`. With
   * port 0, the system picks a free one. Empty list: the node only dials. Default: the node's host and port.
   */
  readonly listen?: readonly string[] | undefined;
}

/**
 * Creates a transport over WebSockets, encrypted by the Noise protocol: both sides prove their ids, also over `ws://`
 * and through reverse proxies. In browsers it only dials. On Node.js, Deno and Bun it also listens, and works with a
 * `networkKey`. Addresses are `ws://host:port/path` and `wss://host:port/path`; port and path are optional. To accept
 * WebSockets and TLS on one port, use `tcp({ accept: ['tls', 'websocket'] })` instead.
 *
 * @throws TypeError with the option, the rule and the value.
 * @example
 * new Node('0.0.0.0', 10001, { transports: [webSocket({ origins: ['https://example.org'] })] });
 */
export function webSocket(options: WebSocketOptions = {}): Transport {
  checkOptions(options, ['listen', ...webPortNames]);
  const { listen, ...web } = options;
  return new TcpTransport({
    accept: new Set(['websocket']),
    listen: listenAddresses(listen, 'webSocket({ listen })'),
    dialect: pythonDialect,
    webSocket: resolveWebPort(web, 'webSocket'),
  });
}
