import type { Connection, Libp2p, Listener } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2pOptions } from 'libp2p';
import type { Runtime } from '../base/runtime.ts';
import type { TransportContext } from '../transport/transport.ts';
import { BoundedStore } from './bounded-store.ts';
import { carryInBounds } from './carried-streams.ts';
import type { EngineExtension } from './engine-extension.ts';
import { checkFirstBytes } from './first-bytes.ts';
import type { InboundGate } from './inbound-gate.ts';
import { basePackages, loadPackages, type PackageName, type Packages } from './packages.ts';
import type { Preset, Way } from './preset.ts';
import { privateKeyOf } from './private-key.ts';
import { closeSocketsOf } from './stopped-listeners.ts';
import { maxWindowBytes } from './stream-link.ts';

/** The most libp2p connections, including those without a link. */
const maxConnections = 300;

/** The most open streams of another node on one connection. A relay opens one for each connection that it carries. */
const maxStreams = 256;

/** The packages that each {@link Way} needs. */
const packagesOfWays: Readonly<Record<Way, readonly PackageName[]>> = {
  tcp: ['@libp2p/tcp'],
  websocket: ['@libp2p/websockets'],
  webrtc: ['@libp2p/webrtc'],
  'webrtc-direct': ['@libp2p/webrtc'],
  relay: ['@libp2p/circuit-relay-v2', '@libp2p/identify'],
};

/** Returns the packages that a preset, a network key and extensions need. */
export function packagesOf(
  { ways, encryption }: Preset,
  hasNetworkKey: boolean,
  extensions: readonly EngineExtension[] = [],
): readonly PackageName[] {
  return [
    ...new Set<PackageName>([
      ...basePackages,
      ...ways.flatMap((way) => packagesOfWays[way]),
      ...(encryption.includes('tls') ? (['@libp2p/tls'] as const) : []),
      ...(hasNetworkKey ? (['@libp2p/pnet'] as const) : []),
      ...extensions.flatMap(({ packages }) => packages),
    ]),
  ];
}

export interface EngineDetails {
  readonly context: TransportContext;
  readonly preset: Preset;
  readonly gate: InboundGate;
  readonly extensions?: readonly EngineExtension[];
}

/** A libp2p node, and the package that reads addresses for it. */
export interface Engine {
  readonly node: Libp2p;
  readonly multiaddr: Packages<'@multiformats/multiaddr'>['@multiformats/multiaddr']['multiaddr'];
}

/**
 * Creates a libp2p node that does not run yet and does not listen.
 *
 * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`.
 */
export async function createEngine({
  context,
  preset,
  gate,
  extensions = [],
}: EngineDetails): Promise<Engine> {
  const { networkSecret, limits } = context;
  const packages = (await loadPackages(
    packagesOf(preset, networkSecret !== undefined, extensions),
  )) as Packages;
  const { handshakeTimeoutMs } = limits;
  const options: Libp2pOptions = {
    start: false,
    privateKey: privateKeyOf(context.identity, packages),
    addresses: { listen: [], ...(preset.announce.length > 0 && { announce: [...preset.announce] }) },
    transports: transportsOf(preset, packages),
    connectionEncrypters: preset.encryption.map((one) =>
      one === 'tls' ? packages['@libp2p/tls'].tls() : packages['@libp2p/noise'].noise(),
    ),
    streamMuxers: [
      packages['@libp2p/yamux'].yamux({
        maxInboundStreams: maxStreams,
        streamOptions: { maxStreamWindowSize: maxWindowBytes },
      }),
    ],
    connectionManager: {
      maxConnections,
      // The inbound gate has its own limits.
      inboundConnectionThreshold: Number.POSITIVE_INFINITY,
      maxIncomingPendingConnections: Number.POSITIVE_INFINITY,
      // The limit of the peerloom node applies to each dial.
      dialTimeout: limits.dialTimeoutMs,
      addressDialTimeout: limits.dialAddressTimeoutMs,
      inboundUpgradeTimeout: handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: handshakeTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: handshakeTimeoutMs,
      reconnectRetries: 0,
    },
    // The channel sends its own pings and detects dead links better. libp2p would end busy connections.
    connectionMonitor: { enabled: false },
    connectionGater: gate.gater,
    connectionProtector: (components) =>
      checkFirstBytes(networkSecret && protectorOf(networkSecret, packages)(components)),
    services: Object.assign(
      servicesOf(preset, packages, context.runtime),
      ...extensions.map((one) => one.services?.(packages)),
    ),
    peerDiscovery: extensions.flatMap((one) => one.peerDiscovery?.(packages) ?? []),
    datastore: new BoundedStore({
      needs: (key) => extensions.map((one) => one.needs?.(key, packages)).find((one) => one !== undefined),
    }),
    peerStore: {
      addressFilter: (_id, address) =>
        extensions.every(({ mayRemember }) => mayRemember?.(address.toString()) ?? true),
    },
  };
  const node = await packages.libp2p.createLibp2p(options);
  return { node, multiaddr: packages['@multiformats/multiaddr'].multiaddr };
}

function transportsOf({ ways, stun }: Preset, packages: Packages): NonNullable<Libp2pOptions['transports']> {
  return ways.map((way) => {
    if (way === 'tcp') return packages['@libp2p/tcp'].tcp();
    if (way === 'websocket') return packages['@libp2p/websockets'].webSockets();
    // Without a list, libp2p asks STUN servers of companies that the user has not named.
    const rtcConfiguration = { iceServers: stun.map((urls) => ({ urls })) };
    if (way === 'webrtc-direct') return packages['@libp2p/webrtc'].webRTCDirect({ rtcConfiguration });
    if (way === 'webrtc') return packages['@libp2p/webrtc'].webRTC({ rtcConfiguration });
    return packages['@libp2p/circuit-relay-v2'].circuitRelayTransport();
  });
}

function servicesOf(
  { ways, relayServer }: Preset,
  packages: Packages,
  runtime: Runtime,
): NonNullable<Libp2pOptions['services']> {
  if (!ways.includes('relay')) return {};
  const { circuitRelayServer } = packages['@libp2p/circuit-relay-v2'];
  return {
    identify: packages['@libp2p/identify'].identify(),
    ...(relayServer !== undefined && {
      relay: (components: never) => carryInBounds(circuitRelayServer(relayServer)(components), runtime),
    }),
  } as unknown as NonNullable<Libp2pOptions['services']>;
}

/** Returns the protector for a network key. The package reads the key in the form of the file `swarm.key`. */
function protectorOf(
  secret: Uint8Array,
  packages: Packages,
): NonNullable<Libp2pOptions['connectionProtector']> {
  const digits = Array.from(secret, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const psk = new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${digits}`);
  return packages['@libp2p/pnet'].preSharedKey({ psk });
}

/** Stops a node. */
export async function stopEngine({ node }: Engine, runtime: Runtime): Promise<void> {
  const listeners = transportManagerOf(node).getListeners();
  await node.stop();
  await closeSocketsOf(listeners, runtime);
  // As its listeners close, libp2p sets a timer of a second, which would keep the process alive.
  componentsOf(node).addressManager?._updatePeerStoreAddresses?.stop?.();
}

/** How to dial an address. */
export interface DialOptions {
  readonly signal: AbortSignal;
  /** The local port of a TCP connection. Default: the system chooses one. */
  readonly localPort?: number;
}

/** The part of a libp2p node that listens. */
export interface TransportManager {
  listen(addresses: Multiaddr[]): Promise<void>;
  /** Dials immediately, independent of other dials of the same node. */
  dial(address: Multiaddr, options: DialOptions): Promise<Connection>;
  dialTransportForMultiaddr(address: Multiaddr): Dialler | undefined;
  getListeners(): Listener[];
}

interface Dialler {
  dial(address: Multiaddr, options: DialOptions & { readonly upgrader: Upgrader }): Promise<Connection>;
}

interface Upgrader {
  upgradeOutbound(
    bytes: { direction: Connection['direction'] },
    options: DialOptions & { readonly initiator?: boolean },
  ): Promise<Connection>;
}

/**
 * Dials, and then acts as the listener. If both sides dial each other simultaneously, one of them must do this. libp2p
 * has an option for it, but the multiplexer ignores the option, so both sides would use the same stream numbers.
 */
export async function dialAsListener(
  node: Libp2p,
  address: Multiaddr,
  options: DialOptions,
): Promise<Connection> {
  const { transportManager, upgrader } = componentsOf(node);
  const dialler = transportManager.dialTransportForMultiaddr(address);
  if (dialler === undefined) throw new Error(`no transport dials ${address}`);
  const inverted: Upgrader = {
    upgradeOutbound: (bytes, given) => {
      bytes.direction = 'inbound';
      return upgrader.upgradeOutbound(bytes, { ...given, initiator: false });
    },
  };
  return await dialler.dial(address, { ...options, upgrader: inverted });
}

export function transportManagerOf(node: Libp2p): TransportManager {
  return componentsOf(node).transportManager;
}

/** The parts of a libp2p node. They are public, but not in the types. */
interface Components {
  readonly transportManager: TransportManager;
  readonly upgrader: Upgrader;
  readonly addressManager?: { readonly _updatePeerStoreAddresses?: { stop?(): void } };
}

function componentsOf(node: Libp2p): Components {
  return (node as unknown as { components: Components }).components;
}
