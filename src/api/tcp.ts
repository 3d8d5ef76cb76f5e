import { checkOptions, shown } from '../base/arguments.ts';
import { pythonDialect } from '../p2pnetwork/dialect.ts';
import { TcpTransport } from '../transport/tcp/tcp-transport.ts';
import type { Transport } from '../transport/transport.ts';
import { listenAddresses } from './listen-addresses.ts';
import { resolveWebPort, type WebPortOptions } from './web-socket-options.ts';

/** A protocol that a node speaks on TCP. */
export type TcpProtocol = 'tls' | 'plain' | 'p2pnetwork' | 'websocket';

/** The options of {@link tcp}. */
export interface TcpOptions {
  /**
   * The protocols that the node accepts and dials, all on one port. Default `['tls']`.
   *
   * - `'tls'`: TLS 1.3; both ids are proven.
   * - `'plain'`: not encrypted. Both ids are proven at the beginning, but an attacker on the path can read and change
   *   what follows. Both sides must allow it; a connection never falls back to it.
   * - `'p2pnetwork'`: accepts nodes of the Python package, which prove nothing and encrypt nothing. To dial such a
   *   node, use the address `p2pnetwork://host:port`. `p2pnetwork+tls://host:port` dials it too, and uses TLS if a
   *   peerloom node answers.
   * - `'websocket'`: WebSockets, encrypted as {@link webSocket} says, so that pages in browsers and nodes behind an
   *   HTTP proxy can connect. Recognising the protocol slows TLS down a little, so it is not accepted by default.
   */
  readonly accept?: readonly TcpProtocol[] | undefined;
  /**
   * The addresses on which to listen, in place of the node's host and port: `['192.0.2.7:10001', '[::1]:10001']`. With
   * port 0, the system picks a free one. Empty list: the node only dials. Default: the node's host and port.
   */
  readonly listen?: readonly string[] | undefined;
  /** For `'websocket'`: which pages may connect, and how plain HTTP requests are answered. */
  readonly webSocket?: WebPortOptions | undefined;
}

const tcpNames = ['accept', 'listen', 'webSocket'] as const satisfies readonly (keyof TcpOptions)[];
const known: readonly TcpProtocol[] = ['tls', 'plain', 'p2pnetwork', 'websocket'];

/**
 * Creates the default transport: TCP with TLS 1.3, in which both sides prove their ids.
 *
 * @throws TypeError with the option, the rule and the value.
 * @example
 * new Node('127.0.0.1', 10001, { transports: [tcp({ accept: ['tls', 'plain'] })] });
 */
export function tcp(options: TcpOptions = {}): Transport {
  checkOptions(options, tcpNames);
  const accept = options.accept ?? ['tls'];
  if (!Array.isArray(accept)) {
    throw new TypeError(`tcp({ accept }) must be a list such as ['tls'], not ${shown(accept)}`);
  }
  if (accept.length === 0) throw new TypeError("tcp({ accept }) must not be empty: leave it out for ['tls']");
  for (const protocol of accept) {
    if (known.includes(protocol)) continue;
    throw new TypeError(`tcp({ accept }) must hold only ${known.join(', ')}, not ${shown(protocol)}`);
  }
  if (options.webSocket !== undefined && !accept.includes('websocket')) {
    throw new TypeError("tcp({ webSocket }) needs 'websocket' in tcp({ accept })");
  }
  return new TcpTransport({
    accept: new Set(accept),
    listen: listenAddresses(options.listen, 'tcp({ listen })'),
    dialect: pythonDialect,
    webSocket: resolveWebPort(options.webSocket ?? {}, 'tcp({ webSocket })'),
  });
}
