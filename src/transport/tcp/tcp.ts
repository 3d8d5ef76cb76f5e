import { createServer, type Server, type Socket } from 'node:net';
import { type Address, formatAddress } from '../../address.ts';
import { PeerloomError } from '../../errors.ts';
import type { Link, Security, Transport, TransportContext } from '../transport.ts';
import { openSocket, unlessAborted } from './connect.ts';
import { HandshakeGate } from './handshake-gate.ts';
import { authenticatePlain } from './plain.ts';
import type { Role } from './proof.ts';
import { type SniffedProtocol, sniff } from './sniff.ts';
import { remoteAddressOf, SocketLink } from './socket-link.ts';
import { explain } from './system-errors.ts';
import { certificateTls, networkKeyTls, type TlsUpgrade } from './tls.ts';

/** What a node speaks on TCP. */
export type TcpProtocol = 'tls' | 'plain';

/** How {@link tcp} reaches other nodes. */
export interface TcpOptions {
  /**
   * The protocols to accept, and to dial, on the one port. Default `['tls']`. `'plain'` is neither encrypted
   * nor safe from changes on the way; both sides must allow it, and a connection never falls back to it.
   */
  readonly accept?: readonly TcpProtocol[];
}

const known: readonly TcpProtocol[] = ['tls', 'plain'];
const schemeProtocols = { tls: 'tls', tcp: 'plain' } as const;

const security: Record<TcpProtocol, Security> = {
  tls: { protocol: 'tls', encrypted: true, authenticated: true },
  plain: { protocol: 'tcp', encrypted: false, authenticated: true },
};

/**
 * TCP, with mutual TLS 1.3: the default transport.
 *
 * @example
 * new Node('127.0.0.1', 10001, { transports: [tcp({ accept: ['tls', 'plain'] })] });
 */
export function tcp(options: TcpOptions = {}): Transport {
  const accept = options.accept ?? ['tls'];
  if (!Array.isArray(accept) || accept.length === 0)
    throw new TypeError("accept must be a list such as ['tls']");
  for (const protocol of accept) {
    if (!known.includes(protocol))
      throw new TypeError(`accept holds '${protocol}'; known are ${known.join(', ')}`);
  }
  return new TcpTransport(new Set(accept));
}

class TcpTransport implements Transport {
  readonly schemes: readonly string[];
  readonly #accept: ReadonlySet<TcpProtocol>;
  readonly #sockets = new Set<Socket>();
  #context: TransportContext | undefined;
  #tls: TlsUpgrade | undefined;
  #gate: HandshakeGate | undefined;
  #server: Server | undefined;

  constructor(accept: ReadonlySet<TcpProtocol>) {
    this.#accept = accept;
    this.schemes = accept.has('tls') ? ['tls', 'tcp'] : ['tcp', 'tls'];
  }

  attach(context: TransportContext): void {
    if (this.#context !== undefined) {
      throw new PeerloomError('ERR_TRANSPORT_IN_USE', 'a tcp() belongs to one node: make one for each');
    }
    if (context.networkSecret !== undefined && this.#accept.has('plain')) {
      throw new TypeError("networkKey needs encryption: leave 'plain' out of accept");
    }
    this.#context = context;
    this.#gate = new HandshakeGate(context.limits, context.runtime);
  }

  async listen(address: Address, onLink: (link: Link) => void): Promise<Address> {
    const server = createServer({ noDelay: true }, (socket) => this.#onSocket(socket, onLink));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(explain(error, address, 'listening')));
      server.listen(address.port, address.host, resolve);
    });
    server.on('error', (error) => this.#context!.log(`the listener failed: ${error.message}`));
    this.#server = server;
    const bound = server.address() as { port: number };
    return { ...address, port: bound.port };
  }

  async dial(address: Address, signal: AbortSignal): Promise<Link> {
    const scheme = (address.scheme ?? this.schemes[0]) as keyof typeof schemeProtocols;
    const protocol = schemeProtocols[scheme];
    this.#checkAllowed(protocol, address);
    const context = this.#context!;
    const startedAt = context.runtime.now();
    let socket: Socket | undefined;
    try {
      socket = this.#keep(await openSocket(address, context, signal));
      return await unlessAborted(this.#authenticate(socket, protocol, { role: 'client', startedAt }), signal);
    } catch (error) {
      socket?.destroy();
      throw signal.aborted ? signal.reason : explain(error, address, 'dialling');
    }
  }

  async close(): Promise<void> {
    const server = this.#server;
    const closed = server && new Promise<void>((resolve) => server.close(() => resolve()));
    this.#gate?.close();
    const ended = [...this.#sockets].map((socket) => new Promise((end) => socket.once('close', end)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([closed, ...ended]);
  }

  #checkAllowed(protocol: TcpProtocol, address: Address): void {
    if (this.#accept.has(protocol)) return;
    const text = formatAddress(address);
    if (protocol === 'plain') {
      const message = `${text} is plain TCP, which this node does not allow: use tcp({ accept: ['tls', 'plain'] })`;
      throw new PeerloomError('ERR_PLAIN_NOT_ALLOWED', message);
    }
    throw new PeerloomError('ERR_ADDRESS_INVALID', `${text} is TLS, which this node's tcp() leaves out`);
  }

  #onSocket(socket: Socket, onLink: (link: Link) => void): void {
    this.#keep(socket);
    const { log, limits, runtime } = this.#context!;
    const address = remoteAddressOf(socket);
    const from = formatAddress(address);
    const handshake = async (): Promise<void> => {
      const timer = runtime.setTimeout(() => {
        log(`${from}: no handshake within ${limits.handshakeTimeoutMs} ms`);
        socket.destroy();
      }, limits.handshakeTimeoutMs);
      try {
        onLink(await this.#accepted(socket, runtime.now()));
      } catch (error) {
        log(`${from}: refused, ${(error as Error).message}`);
        socket.destroySoon();
      } finally {
        timer.cancel();
      }
    };
    this.#gate!.enter(address.host, handshake, () => {
      log(`${from}: dropped, too many handshakes are under way`);
      socket.destroy();
    });
  }

  async #accepted(socket: Socket, startedAt: number): Promise<Link> {
    const protocol = await sniff(socket);
    if (protocol === 'unknown' || !this.#accept.has(protocol)) throw notSpoken(protocol);
    const link = await this.#authenticate(socket, protocol, { role: 'server', startedAt });
    const { maxHandshakeBytes } = this.#context!.limits;
    if (socket.bytesRead > maxHandshakeBytes + earlyBytes) {
      link.destroy();
      throw new PeerloomError('ERR_HANDSHAKE', `its handshake was longer than ${maxHandshakeBytes} bytes`);
    }
    return link;
  }

  async #authenticate(
    socket: Socket,
    protocol: TcpProtocol,
    { role, startedAt }: { role: Role; startedAt: number },
  ): Promise<Link> {
    const { identity, networkSecret, runtime } = this.#context!;
    const details = { security: security[protocol], startedAt, runtime };
    if (protocol === 'plain') {
      const remoteId = await authenticatePlain(socket, { identity, role, runtime });
      return new SocketLink(socket, { remoteId, ...details });
    }
    this.#tls ??=
      networkSecret === undefined ? certificateTls(identity) : networkKeyTls(identity, networkSecret);
    const { socket: secured, remoteId } = await this.#tls.secure(socket, role);
    return new SocketLink(secured, { remoteId, ...details });
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

/** A hello that came in one piece with the end of the handshake. */
const earlyBytes = 64 * 1024;

function notSpoken(protocol: SniffedProtocol): PeerloomError {
  const what = protocol === 'unknown' ? 'something else than peerloom' : protocol;
  return new PeerloomError('ERR_HANDSHAKE', `it speaks ${what}, which this node does not accept`);
}
