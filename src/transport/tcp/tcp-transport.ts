import type { Server, Socket } from 'node:net';
import { type Address, formatAddress } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import { Identity } from '../../identity/identity.ts';
import { checkPinned, inDial } from '../pipe/handshake-errors.ts';
import { PipeLink } from '../pipe/pipe-link.ts';
import { authenticatePlain, type Role } from '../pipe/plain-proof.ts';
import { identityFor } from '../pipe/sign-for.ts';
import type { Security } from '../security.ts';
import type { ExpectedPeer, Link, Transport, TransportContext } from '../transport.ts';
import { parseWebSocketAddress, webSocketSchemes } from '../websocket/address.ts';
import { CertificateTls } from './certificate-tls.ts';
import { openSocket } from './connect.ts';
import type { Dialect } from './dialect.ts';
import { longHandshake } from './handshake-bytes.ts';
import { notSpoken } from './handshake-errors.ts';
import { InboundHandshakes } from './inbound-handshakes.ts';
import { checkPresharedKeys, networkKeyTls } from './network-key-tls.ts';
import { sniff } from './sniff.ts';
import { remoteAddressOf, socketListener } from './sockets.ts';
import { explain } from './system-errors.ts';
import type { TlsUpgrade } from './tls.ts';
import { type WebSocketSettings, WebSockets } from './websocket/web-sockets.ts';

export interface TcpTransportOptions {
  /** `'tls'`, `'plain'`, `'websocket'`, or the name of the dialect. */
  readonly accept: ReadonlySet<string>;
  /** The addresses on which to listen, in place of the node's host and port. */
  readonly listen: readonly Address[] | undefined;
  /** A foreign protocol that it can speak, too. */
  readonly dialect: Dialect;
  readonly webSocket: Omit<WebSocketSettings, 'hosts'> & {
    /** Its addresses behind reverse proxies. */
    readonly publicAddresses: readonly Address[];
  };
}

const security = {
  tls: { protocol: 'tls', encrypted: true, authenticated: true },
  plain: { protocol: 'tcp', encrypted: false, authenticated: true },
} as const satisfies Record<string, Security>;

type OwnProtocol = keyof typeof security;

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

/** TCP: TLS, plain peerloom, WebSockets and a dialect on one port, recognised by their first bytes. */
export class TcpTransport implements Transport {
  readonly schemes: readonly string[];
  readonly #accept: ReadonlySet<string>;
  readonly #dialect: Dialect;
  /** The protocol of each address scheme. */
  readonly #protocols: ReadonlyMap<string, string>;
  /** The scheme for addresses at which a node of the dialect or a peerloom node listens, while a network migrates. */
  readonly #eitherScheme: string;
  readonly #webSocket: TcpTransportOptions['webSocket'];
  /** The hosts on which it listens. */
  readonly #hosts = new Set<string>();
  readonly #sockets = new Set<Socket>();
  #context: TransportContext | undefined;
  #tls: TlsUpgrade | undefined;
  #webSockets: WebSockets | undefined;
  #handshakes: InboundHandshakes | undefined;
  readonly #listen: readonly Address[] | undefined;
  #servers: Server[] = [];
  /** The first port on which it listens. */
  #port = 0;

  constructor({ accept, listen, dialect, webSocket }: TcpTransportOptions) {
    this.#accept = accept;
    this.#listen = listen;
    this.#dialect = dialect;
    this.#webSocket = webSocket;
    this.#eitherScheme = `${dialect.name}+tls`;
    const schemes = new Map([
      ['tls', 'tls'],
      ['tcp', 'plain'],
      [dialect.name, dialect.name],
    ]);
    this.#protocols = schemes;
    const webSchemes = accept.has('websocket') ? webSocketSchemes : [];
    const first = [...schemes.keys()].find((scheme) => accept.has(schemes.get(scheme)!));
    const others = [...schemes.keys()].filter((scheme) => scheme !== first);
    this.schemes = first === undefined ? webSchemes : [first, ...others, this.#eitherScheme, ...webSchemes];
  }

  parse(text: string): Address | undefined {
    return this.#accept.has('websocket') ? parseWebSocketAddress(text) : undefined;
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
    const isOpen = this.#accept.has('plain') || this.#accept.has(this.#dialect.name);
    if (context.networkSecret !== undefined && isOpen) {
      throw new TypeError(
        `networkKey needs encryption: leave 'plain' and '${this.#dialect.name}' out of tcp({ accept })`,
      );
    }
    if (context.networkSecret !== undefined && this.#accept.has('tls')) checkPresharedKeys(process.versions);
    this.#context = context;
    this.#handshakes = new InboundHandshakes(context, (socket) => this.#drop(socket));
  }

  async listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]> {
    // A signer needs time for a certificate, and TLS does not wait.
    const isSigner = !Identity.isGenuine(this.#context!.identity);
    if (isSigner && this.#accept.has('tls')) await this.#upgrade.prepare?.();
    if (isSigner && this.#accept.has('websocket')) await this.#webSocketSide.prepare();
    const bound: Address[] = [];
    for (const { host, port } of this.#listen ?? [address]) {
      const server = await this.#listenAt({ scheme: undefined, host, port }, onLink);
      const { port: boundPort } = server.address() as { port: number };
      this.#hosts.add(host.toLowerCase());
      for (const scheme of this.#listeningSchemes) bound.push({ scheme, host, port: boundPort });
    }
    this.#port = bound[0]?.port ?? 0;
    return [...bound, ...this.#webSocket.publicAddresses];
  }

  /** The schemes by which other nodes can dial this one. Pages can only use WebSockets. */
  get #listeningSchemes(): readonly string[] {
    const [first] = this.schemes;
    return this.#accept.has('websocket') && first !== 'ws' ? [first!, 'ws'] : [first!];
  }

  async #listenAt(address: Address, onLink: (link: Link) => void): Promise<Server> {
    const server = socketListener((socket) => this.#onSocket(socket, onLink));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(explain(error, address, 'listening')));
      // Otherwise the workers of a cluster would share a port, and a dialler would reach any of them.
      server.listen({ port: address.port, host: address.host, exclusive: true }, resolve);
    });
    server.on('error', (error) => this.#context!.log(`the listener failed: ${error.message}`));
    this.#servers.push(server);
    return server;
  }

  async dial(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link> {
    const scheme = address.scheme ?? this.schemes[0]!;
    if (scheme === this.#eitherScheme) return this.#dialEither(address, signal, expected);
    if (scheme === 'ws' || scheme === 'wss') {
      return this.#dialWebSocket({ ...address, scheme }, { signal, expected });
    }
    return this.#dialBy(this.#protocols.get(scheme)!, address, { signal, expected });
  }

  /**
   * The first bytes of TLS would make a Python node stop listening permanently. So this node first introduces itself as
   * a Python node would, and dials by TLS only if the answer is the id of a peerloom node.
   */
  async #dialEither(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link> {
    this.#checkAllowed('tls', address);
    try {
      return await this.#dialBy(this.#dialect.name, address, { signal, expected });
    } catch (error) {
      if (!this.#dialect.isAnsweredByPeerloom((error as Error).cause)) throw error;
      this.#context!.log(`${formatAddress(address)}: a peerloom node answered, dialling again by TLS`);
      return this.#dialBy('tls', address, { signal, expected });
    }
  }

  async #dialWebSocket(address: Address, { signal, expected }: Dial): Promise<Link> {
    const keep = (socket: Socket): Socket => this.#keep(socket);
    try {
      return await this.#webSocketSide.dial({ address, signal, expected, keep });
    } catch (error) {
      throw signal.aborted ? signal.reason : explain(inDial(error, address), address, 'dialling');
    }
  }

  async #dialBy(protocol: string, address: Address, { signal, expected }: Dial): Promise<Link> {
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
      if (socket !== undefined && protocol === this.#dialect.name) this.#dialect.drop(socket);
      else socket?.destroy();
      throw signal.aborted ? signal.reason : explain(error, address, 'dialling');
    }
  }

  async close(): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#servers = [];
    this.#handshakes?.close();
    const ended = [...this.#sockets].map((socket) => new Promise((end) => socket.once('close', end)));
    for (const socket of this.#sockets) this.#drop(socket);
    await Promise.all([...closed, ...ended]);
  }

  /** The dialect's scheme is always allowed. The other protocols must be in `accept`. */
  #checkAllowed(protocol: string, address: Address): void {
    const text = formatAddress(address);
    const { name } = this.#dialect;
    if (protocol === name && this.#context!.networkSecret !== undefined) {
      const message = `${text} is the address of a ${name} node, but this node has a networkKey, which such nodes cannot have`;
      throw new PeerloomError('ERR_NETWORK_MISMATCH', message);
    }
    if (protocol === name || this.#accept.has(protocol)) return;
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
    this.#handshakes!.begin({ socket, accept: (startedAt) => this.#accepted(socket, startedAt), onLink });
  }

  /** @returns `undefined` for a connection that only asked for a page. */
  async #accepted(socket: Socket, startedAt: number): Promise<Link | undefined> {
    const sniffed = this.#speaksOnlyTls ? 'tls' : await sniff(socket);
    const side: Side = { role: 'server', startedAt };
    if (sniffed === 'unknown') return this.#acceptedInDialect(socket, side);
    if (!this.#accept.has(sniffed)) throw notSpoken(sniffed);
    if (sniffed === 'websocket') return this.#webSocketSide.accept(socket, startedAt);
    const link = await this.#authenticate(socket, sniffed, side);
    const { maxHandshakeBytes } = this.#context!.limits;
    // Its hello, of at most the same length, may have arrived together with the end of the handshake.
    if (socket.bytesRead > 2 * maxHandshakeBytes) {
      link.destroy();
      throw longHandshake(maxHandshakeBytes);
    }
    return link;
  }

  /**
   * Whether only TLS is accepted. TLS then gets the socket untouched, and recognises other protocols itself. After
   * sniffing, a socket gives TLS buffers as small as the first bytes were, so that reading takes four times as many
   * calls.
   */
  get #speaksOnlyTls(): boolean {
    return this.#accept.size === 1 && this.#accept.has('tls');
  }

  async #acceptedInDialect(socket: Socket, side: Side): Promise<Link> {
    try {
      if (!this.#accept.has(this.#dialect.name)) throw notSpoken('unknown');
      return await this.#authenticate(socket, this.#dialect.name, side);
    } catch (error) {
      this.#dialect.drop(socket);
      throw error;
    }
  }

  async #authenticate(socket: Socket, protocol: string, side: Side): Promise<Link> {
    const { role, startedAt, expected } = side;
    const context = this.#context!;
    if (protocol === this.#dialect.name) {
      const unknown = { socket, context, startedAt, port: this.#port };
      return role === 'server' ? this.#dialect.accept(unknown) : this.#dialect.dial({ ...unknown, expected });
    }
    const { identity, runtime } = context;
    const details = {
      remoteAddress: remoteAddressOf(socket),
      security: security[protocol as OwnProtocol],
      startedAt,
      runtime,
    };
    const checkId = (id: string): void => checkPinned(id, expected);
    if (protocol === 'plain') {
      const remoteId = await authenticatePlain(socket, {
        identity: identityFor(socket, identity),
        role,
        runtime,
        checkId,
      });
      return new PipeLink(socket, { remoteId, ...details });
    }
    const { socket: secured, ...proven } = await this.#upgrade.secure(socket, { role, checkId });
    return new PipeLink(secured, { ...proven, ...details });
  }

  get #webSocketSide(): WebSockets {
    this.#webSockets ??= new WebSockets(this.#context!, { ...this.#webSocket, hosts: this.#hosts });
    return this.#webSockets;
  }

  get #upgrade(): TlsUpgrade {
    const { identity, networkSecret, network, limits, runtime } = this.#context!;
    this.#tls ??=
      networkSecret === undefined
        ? new CertificateTls({ identity, network, limits, runtime })
        : networkKeyTls({ identity, networkSecret, limits, runtime });
    return this.#tls;
  }

  /** Ends a connection without sending anything, in a way that a node of the dialect would notice. */
  #drop(socket: Socket): void {
    if (this.#accept.has(this.#dialect.name)) this.#dialect.drop(socket);
    else socket.destroy();
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
