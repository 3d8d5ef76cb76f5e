import type { Server, Socket } from 'node:net';
import { type Address, formatAddress, parseAddress } from '../../base/address.ts';
import { checkOptions, shown } from '../../base/arguments.ts';
import { PeerloomError } from '../../base/errors.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import { Identity } from '../../identity/identity.ts';
import { introducedBy, introduceTo, PeerIdClaimed } from '../../p2pnetwork/exchange-ids.ts';
import type { Security } from '../security.ts';
import type { ExpectedPeer, Link, Transport, TransportContext } from '../transport.ts';
import { CertificateTls } from './certificate-tls.ts';
import { openSocket } from './connect.ts';
import { longHandshake } from './handshake-bytes.ts';
import { checkPinned, inDial, notSpoken, unexpected } from './handshake-errors.ts';
import { HandshakeGate } from './handshake-gate.ts';
import { checkPresharedKeys, networkKeyTls } from './network-key-tls.ts';
import { authenticatePlain } from './plain.ts';
import type { Role } from './proof.ts';
import { PythonLink } from './python-link.ts';
import { reset } from './reset.ts';
import { identityFor } from './sign-for.ts';
import { sniff } from './sniff.ts';
import { remoteAddressOf, SocketLink } from './socket-link.ts';
import { socketListener } from './sockets.ts';
import { explain } from './system-errors.ts';
import type { TlsUpgrade } from './tls.ts';

/** A protocol that a node speaks on TCP. */
export type TcpProtocol = 'tls' | 'plain' | 'p2pnetwork';

/** The options of {@link tcp}. */
export interface TcpOptions {
  /**
   * The protocols that the node accepts and dials, all on one port. Default `['tls']`.
   *
   * - `'tls'`: TLS 1.3; both ids are proven.
   * - `'plain'`: not encrypted. Both ids are proven at the beginning, but anybody on the way can read and change what
   *   follows. Both sides must allow it; a connection never falls back to it.
   * - `'p2pnetwork'`: accepts nodes of the Python package, which prove nothing and encrypt nothing. To dial such a node,
   *   the address `p2pnetwork://host:port` is enough. `p2pnetwork+tls://host:port` dials it too, and uses TLS if a
   *   peerloom node answers.
   */
  readonly accept?: readonly TcpProtocol[] | undefined;
  /**
   * Where to listen, in place of the node's host and port: `['192.0.2.7:10001', '[::1]:10001']`. With port 0 the system
   * picks a free one. An empty list: the node dials, and nobody can dial it. Default: the node's host and port.
   */
  readonly listen?: readonly string[] | undefined;
}

const tcpNames = ['accept', 'listen'] as const satisfies readonly (keyof TcpOptions)[];
const known: readonly TcpProtocol[] = ['tls', 'plain', 'p2pnetwork'];
const schemeProtocols = { tls: 'tls', tcp: 'plain', p2pnetwork: 'p2pnetwork' } as const;

/** Leads to a Python node or a peerloom node, whichever listens there, while a network migrates. */
const eitherScheme = 'p2pnetwork+tls';

const security: Record<TcpProtocol, Security> = {
  tls: { protocol: 'tls', encrypted: true, authenticated: true },
  plain: { protocol: 'tcp', encrypted: false, authenticated: true },
  p2pnetwork: { protocol: 'p2pnetwork', encrypted: false, authenticated: false },
};

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
  return new TcpTransport(new Set(accept), listenAddresses(options.listen));
}

/** @throws TypeError; PeerloomError `ERR_ADDRESS_INVALID`. */
function listenAddresses(listen: TcpOptions['listen']): readonly Address[] | undefined {
  if (listen === undefined) return undefined;
  if (!Array.isArray(listen)) {
    throw new TypeError(`tcp({ listen }) must be a list such as ['127.0.0.1:10001'], not ${shown(listen)}`);
  }
  return listen.map((text) => parseAddress(text, 'listen'));
}

/** This side of a connection during authentication. */
interface Side {
  readonly role: Role;
  readonly startedAt: number;
  readonly expected?: ExpectedPeer | undefined;
}

interface Dial {
  readonly signal: AbortSignal;
  readonly expected?: ExpectedPeer | undefined;
}

class TcpTransport implements Transport {
  readonly schemes: readonly string[];
  readonly #accept: ReadonlySet<TcpProtocol>;
  readonly #sockets = new Set<Socket>();
  #context: TransportContext | undefined;
  #tls: TlsUpgrade | undefined;
  #gate: HandshakeGate | undefined;
  readonly #listen: readonly Address[] | undefined;
  #servers: Server[] = [];
  /** Where it listens first. */
  #port = 0;

  constructor(accept: ReadonlySet<TcpProtocol>, listen: readonly Address[] | undefined) {
    this.#accept = accept;
    this.#listen = listen;
    const first = accept.has('tls') ? 'tls' : accept.has('plain') ? 'tcp' : 'p2pnetwork';
    const others = Object.keys(schemeProtocols).filter((scheme) => scheme !== first);
    this.schemes = [first, ...others, eitherScheme];
  }

  attach(context: TransportContext): void {
    if (this.#context !== undefined) {
      throw new PeerloomError(
        'ERR_TRANSPORT_IN_USE',
        'a tcp() transport belongs to one node: make one for each node',
      );
    }
    if (context.runtime.secretBytes !== undefined) {
      throw new TypeError(
        'tcp() reaches beyond this process, but the seed of the runtime (runtime.secretBytes) decides the keys of this node, so they are not secret: use memory(), or a runtime without secretBytes',
      );
    }
    const isOpen = this.#accept.has('plain') || this.#accept.has('p2pnetwork');
    if (context.networkSecret !== undefined && isOpen) {
      throw new TypeError(
        "networkKey needs encryption: leave 'plain' and 'p2pnetwork' out of tcp({ accept })",
      );
    }
    if (context.networkSecret !== undefined) checkPresharedKeys(process.versions);
    this.#context = context;
    this.#gate = new HandshakeGate(context.limits, context.runtime);
  }

  async listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]> {
    // A certificate takes a signer time, which TLS does not have.
    const isSigner = !Identity.isGenuine(this.#context!.identity);
    if (isSigner && this.#accept.has('tls')) await this.#upgrade.prepare?.();
    const bound: Address[] = [];
    for (const { host, port } of this.#listen ?? [address]) {
      const server = await this.#listenAt({ scheme: undefined, host, port }, onLink);
      const { port: boundPort } = server.address() as { port: number };
      bound.push({ scheme: this.schemes[0], host, port: boundPort });
    }
    this.#port = bound[0]?.port ?? 0;
    return bound;
  }

  async #listenAt(address: Address, onLink: (link: Link) => void): Promise<Server> {
    const server = socketListener((socket) => this.#onSocket(socket, onLink));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(explain(error, address, 'listening')));
      // Otherwise the workers of a cluster share a port, and a dialler reaches any of them.
      server.listen({ port: address.port, host: address.host, exclusive: true }, resolve);
    });
    server.on('error', (error) => this.#context!.log(`the listener failed: ${error.message}`));
    this.#servers.push(server);
    return server;
  }

  async dial(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link> {
    const scheme = address.scheme ?? this.schemes[0];
    if (scheme === eitherScheme) return this.#dialEither(address, signal, expected);
    return this.#dialBy(schemeProtocols[scheme as keyof typeof schemeProtocols], address, {
      signal,
      expected,
    });
  }

  /**
   * The first bytes of TLS make a Python node stop listening for good. So this node first introduces itself as a Python
   * node would, and dials by TLS only if the answer is the id of a peerloom node.
   */
  async #dialEither(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link> {
    this.#checkAllowed('tls', address);
    try {
      return await this.#dialBy('p2pnetwork', address, { signal, expected });
    } catch (error) {
      if (!((error as Error).cause instanceof PeerIdClaimed)) throw error;
      this.#context!.log(`${formatAddress(address)}: a peerloom node answered, dialling again by TLS`);
      return this.#dialBy('tls', address, { signal, expected });
    }
  }

  async #dialBy(protocol: TcpProtocol, address: Address, { signal, expected }: Dial): Promise<Link> {
    this.#checkAllowed(protocol, address);
    const context = this.#context!;
    const startedAt = context.runtime.now();
    let socket: Socket | undefined;
    try {
      socket = this.#keep(await openSocket(address, context, signal));
      const side: Side = { role: 'client', startedAt, expected };
      const authenticated = this.#authenticate(socket, protocol, side).catch((error) => {
        throw inDial(error, address);
      });
      return await unlessAborted(authenticated, signal);
    } catch (error) {
      if (socket !== undefined && protocol === 'p2pnetwork') reset(socket);
      else socket?.destroy();
      throw signal.aborted ? signal.reason : explain(error, address, 'dialling');
    }
  }

  async close(): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#servers = [];
    this.#gate?.close();
    const ended = [...this.#sockets].map((socket) => new Promise((end) => socket.once('close', end)));
    for (const socket of this.#sockets) this.#drop(socket);
    await Promise.all([...closed, ...ended]);
  }

  /** The scheme `p2pnetwork://` is permission enough; the other protocols must be in `accept`. */
  #checkAllowed(protocol: TcpProtocol, address: Address): void {
    const text = formatAddress(address);
    if (protocol === 'p2pnetwork' && this.#context!.networkSecret !== undefined) {
      const message = `${text} is the address of a p2pnetwork node, but this node has a networkKey, which such nodes cannot have`;
      throw new PeerloomError('ERR_NETWORK_MISMATCH', message);
    }
    if (protocol === 'p2pnetwork' || this.#accept.has(protocol)) return;
    if (protocol === 'plain') {
      const message = `${text} is plain TCP, which this node does not allow: use tcp({ accept: ['tls', 'plain'] })`;
      throw new PeerloomError('ERR_PLAIN_NOT_ALLOWED', message);
    }
    throw new PeerloomError(
      'ERR_ADDRESS_INVALID',
      `${text} is a TLS address, but this node does not use TLS: add 'tls' to tcp({ accept })`,
    );
  }

  #onSocket(socket: Socket, onLink: (link: Link) => void): void {
    this.#keep(socket);
    const { log, limits, runtime, onInboundFailure } = this.#context!;
    const address = remoteAddressOf(socket);
    let isOver = false;
    const fail = (error: PeerloomError): void => {
      // Ending a connection makes its handshake fail too; the first of the two errors is the reason.
      if (isOver) return;
      isOver = true;
      log(`${formatAddress(address)}: refused, ${error.message}`);
      onInboundFailure(address, error);
    };
    const drop = (error: PeerloomError): void => {
      fail(error);
      this.#drop(socket);
    };
    const handshake = async (): Promise<void> => {
      const timer = runtime.setTimeout(() => {
        drop(
          new PeerloomError(
            'ERR_TIMEOUT',
            `the handshake took more than ${limits.handshakeTimeoutMs} ms (limits.handshakeTimeoutMs)`,
          ),
        );
      }, limits.handshakeTimeoutMs);
      try {
        const link = await this.#accepted(socket, runtime.now());
        isOver = true;
        onLink(link);
      } catch (error) {
        fail(error instanceof PeerloomError ? error : unexpected(error));
        socket.destroySoon();
      } finally {
        timer.cancel();
      }
    };
    this.#gate!.enter(address.host, handshake, () => {
      drop(
        new PeerloomError(
          'ERR_NOT_ALLOWED',
          'too many handshakes at once (limits.maxHalfOpen, limits.maxHalfOpenPerAddress)',
        ),
      );
    });
  }

  async #accepted(socket: Socket, startedAt: number): Promise<Link> {
    const sniffed = this.#speaksOnlyTls ? 'tls' : await sniff(socket);
    const side: Side = { role: 'server', startedAt };
    if (sniffed === 'unknown') return this.#acceptedPython(socket, side);
    if (!this.#accept.has(sniffed)) throw notSpoken(sniffed);
    const link = await this.#authenticate(socket, sniffed, side);
    const { maxHandshakeBytes } = this.#context!.limits;
    // Its hello, as long again at most, may have come in one piece with the end of the handshake.
    if (socket.bytesRead > 2 * maxHandshakeBytes) {
      link.destroy();
      throw longHandshake(maxHandshakeBytes);
    }
    return link;
  }

  /**
   * Then TLS gets the socket untouched, and finds out by itself who speaks something else. A socket that has been read
   * from hands TLS buffers as small as its first bytes, which stay: reading takes four times as many calls.
   */
  get #speaksOnlyTls(): boolean {
    return this.#accept.size === 1 && this.#accept.has('tls');
  }

  /** A Python node takes any other end than a reset for an id that is empty. */
  async #acceptedPython(socket: Socket, side: Side): Promise<Link> {
    try {
      if (!this.#accept.has('p2pnetwork')) throw notSpoken('unknown');
      return await this.#exchangeIds(socket, side);
    } catch (error) {
      reset(socket);
      throw error;
    }
  }

  async #exchangeIds(socket: Socket, { role, startedAt, expected }: Side): Promise<Link> {
    const { identity, runtime, limits } = this.#context!;
    // There are no pings: TCP itself must find out that a node is gone.
    socket.setKeepAlive(true, limits.pingAfterMs);
    const { id, port } =
      role === 'server'
        ? await introducedBy(socket, identity.id, runtime)
        : await introduceTo(socket, { id: identity.id, port: this.#port, expectedId: expected?.id }, runtime);
    const details = { remoteId: id, announcedPort: port, security: security.p2pnetwork };
    return new PythonLink(socket, { ...details, startedAt, runtime });
  }

  async #authenticate(socket: Socket, protocol: TcpProtocol, side: Side): Promise<Link> {
    if (protocol === 'p2pnetwork') return this.#exchangeIds(socket, side);
    const { role, startedAt } = side;
    const { identity, runtime } = this.#context!;
    const details = { security: security[protocol], startedAt, runtime };
    const checkId = (id: string): void => checkPinned(id, side.expected);
    if (protocol === 'plain') {
      const remoteId = await authenticatePlain(socket, {
        identity: identityFor(socket, identity),
        role,
        runtime,
        checkId,
      });
      return new SocketLink(socket, { remoteId, ...details });
    }
    const { socket: secured, ...proven } = await this.#upgrade.secure(socket, { role, checkId });
    return new SocketLink(secured, { ...proven, ...details });
  }

  get #upgrade(): TlsUpgrade {
    const { identity, networkSecret, network, limits, runtime } = this.#context!;
    this.#tls ??=
      networkSecret === undefined
        ? new CertificateTls({ identity, network, limits, runtime })
        : networkKeyTls({ identity, networkSecret, limits, runtime });
    return this.#tls;
  }

  /** Without a word; by a reset where it could be a Python node. */
  #drop(socket: Socket): void {
    if (this.#accept.has('p2pnetwork')) reset(socket);
    else socket.destroy();
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
