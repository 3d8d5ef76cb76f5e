import { shown } from '../base/arguments.ts';
import { idOf, isRelayed, parseMultiaddr } from './multiaddr-text.ts';

/** A way to reach nodes. */
export type Way = 'tcp' | 'websocket' | 'relay' | 'webrtc' | 'webrtc-direct';

/** How connections of libp2p are encrypted. */
export type Libp2pEncryption = 'noise' | 'tls';

/** What a relay does for the nodes behind it, in the terms of libp2p. */
export interface RelayServer {
  /** The nodes behind it. */
  readonly reservations: {
    /** How many there may be. */
    readonly maxReservations: number;
    /** Whether the connections that it carries have limits. */
    readonly applyDefaultLimit: boolean;
    /** In milliseconds. */
    readonly defaultDurationLimit?: number;
    /** In bytes. */
    readonly defaultDataLimit?: bigint;
  };
}

/** What `libp2p()` runs on: made by {@link lan}, {@link internet}, {@link relay} or {@link browser}. */
export interface Preset {
  /** Which of them made it. */
  readonly name: 'lan' | 'internet' | 'relay' | 'browser';
  /** How it reaches nodes. */
  readonly ways: readonly Way[];
  /** The encryptions, the preferred one first. */
  readonly encryption: readonly Libp2pEncryption[];
  /** Where it listens; `undefined`: TCP on the host and the port of the node. */
  readonly listen: readonly string[] | undefined;
  /** What peers learn in place of that; empty: what it listens on. */
  readonly announce: readonly string[];
  /** The relays that it keeps a place at. */
  readonly relays: readonly string[];
  /** The servers that tell it how its router shows it to others, for WebRTC. */
  readonly stun: readonly string[];
  /** What it does as a relay; `undefined`: it is none. */
  readonly relayServer: RelayServer | undefined;
}

/** The options that all presets but `browser` share. */
export interface ListenOptions {
  /**
   * Where to listen, as multiaddrs without an id: `['/ip4/0.0.0.0/tcp/10001', '/ip4/0.0.0.0/tcp/10002/ws']`. Port 0 means a
   * free port. An empty list: the node dials, and nobody can dial it. Default: TCP on the host and the port of the node. A
   * node whose `tcp()` listens at that port needs another one here.
   */
  readonly listen?: readonly string[] | undefined;
  /**
   * The addresses that peers learn, in place of those that the node listens on: `['/dns4/example.org/tcp/10001']`. For nodes
   * that others reach at an address that no interface of the machine has. Default: what the node listens on.
   */
  readonly announce?: readonly string[] | undefined;
  /**
   * How connections are encrypted: `['noise']`, `['tls']`, or both, the preferred one first. All libp2p programs speak
   * Noise. TLS is about twice as fast, does not work in pages, and needs the package `@libp2p/tls`. Default `['noise']`.
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
  const isServer = (one: unknown): boolean => typeof one === 'string' && /^stuns?:[^\s/]+$/.test(one);
  if (Array.isArray(given) && given.every(isServer)) return Object.freeze([...given]);
  throw new TypeError(
    `${name} must be a list of servers such as 'stun:stun.example.org:3478', not ${shown(given)}`,
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

/** Every way that the addresses need, beside those of the preset. */
export function waysWith(ways: readonly Way[], addresses: readonly string[]): readonly Way[] {
  const needed: Way[] = [];
  for (const text of addresses) {
    if (/\/wss?(\/|$)/.test(text)) needed.push('websocket');
    if (/\/webrtc-direct(\/|$)/.test(text)) needed.push('webrtc-direct');
  }
  return [...new Set<Way>([...ways, ...needed])];
}
