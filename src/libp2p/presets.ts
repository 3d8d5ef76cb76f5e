import { checkOptions, checkWhole } from '../base/arguments.ts';
import {
  type ListenOptions,
  listenOptionNames,
  type Preset,
  relaysOf,
  resolveListen,
  stunOf,
  type Way,
  waysWith,
} from './preset.ts';

/** The options of {@link lan}. */
export interface LanOptions extends ListenOptions {}

/** The options of {@link internet}. */
export interface InternetOptions extends ListenOptions {
  /**
   * Relays through which others reach this node if its router blocks inbound connections, with their ids:
   * `['/dns4/relay.example.org/tcp/10001/p2p/12D3KooW…']`. The node keeps a place at each relay. It starts without
   * relays that are down, and tries them again. Two relays of different owners are better than one. Default `[]`.
   */
  readonly relays?: readonly string[] | undefined;
  /**
   * STUN servers, which tell the node its public address: `['stun:stun.example.org:3478']`. With them, two nodes behind
   * routers connect directly, by WebRTC, at addresses with `/p2p-circuit/webrtc`. This needs the package
   * `@libp2p/webrtc`, and does not work with a `networkKey`. Default `[]`: no WebRTC.
   */
  readonly stun?: readonly string[] | undefined;
}

/** The options of {@link relay}. */
export interface RelayOptions extends ListenOptions {
  /** The most nodes that can be reached through this relay at the same time. Default 128. */
  readonly maxReservations?: number | undefined;
  /** Seconds after which the relay ends a connection that it carries. 0 means no limit. Default 0. */
  readonly maxConnectionSeconds?: number | undefined;
  /** Bytes after which the relay ends a carried connection, counted in both directions. 0 means no limit. Default 0. */
  readonly maxConnectionBytes?: number | undefined;
}

/** The options of {@link browser}. */
export interface BrowserOptions {
  /**
   * As for {@link internet}: relays with a WebSocket, `['/dns4/relay.example.org/tcp/443/wss/p2p/12D3KooW…']`. Default
   * `[]`.
   */
  readonly relays?: readonly string[] | undefined;
  /** As for {@link internet}. Two pages behind routers need them to connect directly. Default `[]`. */
  readonly stun?: readonly string[] | undefined;
}

/** For nodes that can reach each other, such as in one local network: TCP, and WebSockets if `listen` names one. */
export function lan(options: LanOptions = {}): Preset {
  checkOptions(options, listenOptionNames, 'lan');
  const { listen, announce, encryption } = resolveListen(options, 'lan');
  return Object.freeze<Preset>({
    name: 'lan',
    ways: waysWith(['tcp'], listen ?? []),
    encryption,
    listen,
    announce,
    relays: [],
    stun: [],
    relayServer: undefined,
  });
}

/** For nodes behind routers: TCP and WebSockets, through relays, and directly if possible (DCUtR, WebRTC). */
export function internet(options: InternetOptions = {}): Preset {
  checkOptions(options, [...listenOptionNames, 'relays', 'stun'], 'internet');
  const { relays, stun: given, ...rest } = options;
  const stun = stunOf(given, 'internet.stun');
  const ways: readonly Way[] = ['tcp', 'websocket', 'relay'];
  const listening = resolveListen(rest, 'internet');
  return Object.freeze<Preset>({
    name: 'internet',
    ways: waysWith(stun.length > 0 ? [...ways, 'webrtc'] : ways, listening.listen ?? []),
    ...listening,
    relays: relaysOf(relays, 'internet.relays'),
    stun,
    relayServer: undefined,
  });
}

/** For a node on a public address that carries connections between nodes behind routers, and is a node itself. */
export function relay(options: RelayOptions = {}): Preset {
  const names = ['maxReservations', 'maxConnectionSeconds', 'maxConnectionBytes'];
  checkOptions(options, [...listenOptionNames, ...names], 'relay');
  const { maxReservations = 128, maxConnectionSeconds = 0, maxConnectionBytes = 0, ...rest } = options;
  checkWhole('relay.maxReservations', maxReservations, 1);
  checkWhole('relay.maxConnectionSeconds', maxConnectionSeconds, 0);
  checkWhole('relay.maxConnectionBytes', maxConnectionBytes, 0);
  const isLimited = maxConnectionSeconds > 0 || maxConnectionBytes > 0;
  const listening = resolveListen(rest, 'relay');
  return Object.freeze<Preset>({
    name: 'relay',
    ways: waysWith(['tcp', 'websocket', 'relay'], listening.listen ?? []),
    ...listening,
    relays: [],
    stun: [],
    relayServer: {
      reservations: {
        maxReservations,
        applyDefaultLimit: isLimited,
        // libp2p accepts both limits or none, so a limit that is not set becomes one that is never reached.
        ...(isLimited && {
          defaultDurationLimit: (maxConnectionSeconds || unlimitedSeconds) * 1_000,
          defaultDataLimit: BigInt(maxConnectionBytes || Number.MAX_SAFE_INTEGER),
        }),
      },
    },
  });
}

/** Three weeks. The protocol has 32 bits for the seconds, and a timer has 31 bits for its milliseconds. */
const unlimitedSeconds = 21 * 24 * 3_600;

/** For pages: they dial WebSockets and WebRTC, and are reached through relays, and directly by WebRTC. */
export function browser(options: BrowserOptions = {}): Preset {
  checkOptions(options, ['relays', 'stun'], 'browser');
  return Object.freeze<Preset>({
    name: 'browser',
    ways: ['websocket', 'relay', 'webrtc', 'webrtc-direct'],
    encryption: ['noise'],
    listen: [],
    announce: [],
    relays: relaysOf(options.relays, 'browser.relays'),
    stun: stunOf(options.stun, 'browser.stun'),
    relayServer: undefined,
  });
}
