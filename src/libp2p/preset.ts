import { shown } from '../base/arguments.ts';
import { idOf, isRelayed, parseMultiaddr } from './multiaddr-text.ts';
import { parseStunServer } from './stun-server.ts';

/** A way to reach nodes. */
export type Way = 'tcp' | 'websocket' | 'relay' | 'webrtc' | 'webrtc-direct';

/** How connections of libp2p are encrypted. */
export type Libp2pEncryption = 'noise' | 'tls';

/** The options of libp2p's relay server. */
export interface RelayServer {
  /** The options for the nodes behind the relay. */
  readonly reservations: {
    /** The most nodes behind the relay. */
    readonly maxReservations: number;
    /** Whether the connections that it carries have limits. */
    readonly applyDefaultLimit: boolean;
    /** The time limit of a connection, in milliseconds. */
    readonly defaultDurationLimit?: number;
    /** The data limit of a connection, in bytes. */
    readonly defaultDataLimit?: bigint;
  };
}

/** The configuration of `libp2p()`, made by {@link lan}, {@link internet}, {@link relay} or {@link browser}. */
export interface Preset {
  /** The name of the function that made it. */
  readonly name: 'lan' | 'internet' | 'relay' | 'browser';
  /** The ways by which the node reaches others. */
  readonly ways: readonly Way[];
  /** The encryptions, the preferred one first. */
  readonly encryption: readonly Libp2pEncryption[];
  /** The addresses on which the node listens. `undefined` for TCP on the host and the port of the node. */
  readonly listen: readonly string[] | undefined;
  /** The addresses that peers learn. If empty, they learn the listening addresses. */
  readonly announce: readonly string[];
  /** The relays at which the node keeps a place. */
  readonly relays: readonly string[];
  /** The STUN servers that tell the node its public address, for WebRTC. */
  readonly stun: readonly string[];
  /** The options of the node's relay server. `undefined` if the node is not a relay. */
  readonly relayServer: RelayServer | undefined;
}

/** The options that all presets but `browser` share. */
export interface ListenOptions {
  /**
   * Where to listen, as multiaddrs without an id: `['/ip4/0.0.0.0/tcp/10001', '/ip4/0.0.0.0/tcp/10002/ws']`. Port 0
   * means a free port. With an empty list, the node can dial, but cannot be dialled. Default: TCP on the host and the
   * port of the node. If the node's `tcp()` listens on that port, choose another port here.
   */
  readonly listen?: readonly string[] | undefined;
  /**
   * The addresses that peers learn instead of the listening addresses: `['/dns4/example.org/tcp/10001']`. Use this if
   * others reach the node at an address that no interface of the machine has. Default: the listening addresses.
   */
  readonly announce?: readonly string[] | undefined;
  /**
   * How connections are encrypted: `['noise']`, `['tls']`, or both, the preferred one first. All libp2p programs speak
   * Noise. TLS is about twice as fast, does not work in pages, and needs the package `@libp2p/tls`. Default
   * `['noise']`.
   */
  readonly encryption?: readonly Libp2pEncryption[] | undefined;
}

export const listenOptionNames = [
  'listen',
  'announce',
  'encryption',
] as const satisfies readonly (keyof ListenOptions)[];

/** @throws TypeError with the option, the rule and the value; PeerloomError `ERR_ADDRESS_INVALID`. */
export function resolveListen(
  options: ListenOptions,
  where: string,
): Pick<Preset, 'listen' | 'announce' | 'encryption'> {
  const { encryption = ['noise'] } = options;
  const isKnown = (one: unknown): boolean => one === 'noise' || one === 'tls';
  if (!Array.isArray(encryption) || encryption.length === 0 || !encryption.every(isKnown)) {
    throw new TypeError(`${where}.encryption must be a list of 'noise' and 'tls', not ${shown(encryption)}`);
  }
  return {
    listen: options.listen === undefined ? undefined : multiaddrsOf(options.listen, `${where}.listen`),
    announce: multiaddrsOf(options.announce ?? [], `${where}.announce`),
    encryption: [...encryption],
  };
}

/** @throws TypeError; PeerloomError `ERR_ADDRESS_INVALID`. */
export function relaysOf(given: unknown, name: string): readonly string[] {
  const relays = multiaddrsOf(given ?? [], name);
  for (const text of relays) {
    if (idOf(text) !== undefined && !isRelayed(text)) continue;
    throw new TypeError(
      `${name} must hold addresses of relays with their ids, such as '/dns4/example.org/tcp/10001/p2p/12D3KooW…', not ${shown(text)}`,
    );
  }
  return relays;
}

/** @throws TypeError. */
export function stunOf(given: unknown, name: string): readonly string[] {
  if (given === undefined) return [];
  const isServer = (one: unknown): boolean => typeof one === 'string' && parseStunServer(one) !== undefined;
  if (Array.isArray(given) && given.every(isServer)) return Object.freeze([...given]);
  throw new TypeError(
    `${name} must be a list of servers such as 'stun:stun.example.org:3478', with ports from 1 to 65535, not ${shown(given)}`,
  );
}

/** @throws TypeError; PeerloomError `ERR_ADDRESS_INVALID`. */
function multiaddrsOf(given: unknown, name: string): readonly string[] {
  if (!Array.isArray(given) || !given.every((one) => typeof one === 'string' && one.startsWith('/'))) {
    throw new TypeError(
      `${name} must be a list of multiaddrs such as '/ip4/0.0.0.0/tcp/10001', not ${shown(given)}`,
    );
  }
  for (const text of given) parseMultiaddr(text);
  return Object.freeze([...given]);
}

/** Returns the ways of the preset, and those that the addresses need in addition. */
export function waysWith(ways: readonly Way[], addresses: readonly string[]): readonly Way[] {
  const needed: Way[] = [];
  for (const text of addresses) {
    if (/\/wss?(\/|$)/.test(text)) needed.push('websocket');
    if (/\/webrtc-direct(\/|$)/.test(text)) needed.push('webrtc-direct');
  }
  return [...new Set<Way>([...ways, ...needed])];
}
