import {
  checkOptions,
  checkType,
  checkWellFormed,
  checkWhole,
  definedOf,
  hasMethods,
  shown,
} from '../base/arguments.ts';
import { checkRuntime } from '../base/checked-runtime.ts';
import { type LimitOptions, type Limits, resolveLimits } from '../base/limits.ts';
import { type Runtime, systemRuntime } from '../base/runtime.ts';
import type { Identity } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identity-file.ts';
import type { IdentityStore } from '../identity/identity-store.ts';
import type { NodeIdentity, Signer } from '../identity/signer.ts';
import type { Security } from '../transport/security.ts';
import type { Transport } from '../transport/transport.ts';
import { maxNameLength } from '../wire/frames/hello.ts';
import { defaultTransports } from './default-transports.ts';
import { checkDiscoveries, type Discovery } from './discovery.ts';
import type { NodeCallback } from './events.ts';
import { checkAllowed, checkGivenId } from './given-id.ts';
import {
  type NeighbourhoodOptions,
  type ResolvedNeighbourhood,
  resolveNeighbourhood,
} from './neighbourhood.ts';
import { resolveIdentity } from './node-identity.ts';
import { type PresenceOptions, type ResolvedPresence, resolvePresence } from './presence.ts';
import { checkProtocols, type Protocol } from './protocol.ts';
import {
  defaultReconnect,
  type ReconnectOptions,
  type ReconnectPolicy,
  resolveReconnect,
} from './reconnect-options.ts';
import { type RecorderOptions, type ResolvedRecorder, resolveRecorder } from './recorder-options.ts';

/** A peer that wants to connect or that was dialled, about which {@link NodeOptions.authorize} decides. */
export interface PeerDetails {
  /** Its id. The peer has proven that it holds the key, unless `security.authenticated` is false. */
  readonly id: string;
  /** The name that it gives itself, which proves nothing. */
  readonly name: string;
  /** The address of its end of the connection. */
  readonly host: string;
  /** The port on which it says that it listens. */
  readonly port: number;
  /** `'outbound'`: this node dialled. `'inbound'`: the peer dialled. */
  readonly direction: 'inbound' | 'outbound';
  /** Whether the link is encrypted, and whether the id is proven. */
  readonly security: Security;
}

/** The options of a node. Each has a default. */
export interface NodeOptions {
  /** A name for people, of up to 64 characters. Every peer sees it. Default: empty. */
  readonly name?: string | undefined;
  /** Prints every step. Default false; `DEBUG=peerloom:*` in the environment does the same. */
  readonly debug?: boolean | undefined;
  /** A function that is called with every event, after the overridden method. Default: none. */
  readonly callback?: NodeCallback | undefined;
  /** The most inbound connections; 0: no limit. Default 128. */
  readonly maxConnections?: number | undefined;
  /**
   * The node's key pair. It can be an {@link Identity}; a file, or in a browser a store, which is created if it does
   * not exist; or a signer, which keeps the key to itself. With a store, `node.id` throws `ERR_NOT_STARTED` until
   * `start()` has resolved. Default: a new key pair each time.
   */
  readonly identity?: Identity | IdentityFile | IdentityStore | Signer | undefined;
  /**
   * The transports. The first one dials addresses without a scheme. Default `[tcp()]`; in a browser `[webSocket()]`,
   * which only dials there.
   */
  readonly transports?: readonly Transport[] | undefined;
  /** The name of the network, of up to 256 characters. Only nodes of the same network connect. Default: empty. */
  readonly network?: string | undefined;
  /**
   * A secret text. Only nodes that hold the same one connect; strangers learn only that something speaks TLS on the
   * port. Over `tcp()` it needs Node.js: on Deno and Bun, `new Node` throws `ERR_TRANSPORT_UNAVAILABLE`. Default: none.
   */
  readonly networkKey?: string | undefined;
  /**
   * Decides on each peer, inbound and outbound, before any event. Only `true` admits the peer. For a result that is not
   * a boolean, `node_error` fires as well. Default: every peer is admitted.
   */
  readonly authorize?: ((peer: PeerDetails) => boolean | Promise<boolean>) | undefined;
  /** The ids of the only nodes that may connect. Default: all. */
  readonly allow?: Iterable<string> | undefined;
  /** The ids of nodes that may not connect. Default: none. */
  readonly deny?: Iterable<string> | undefined;
  /** How the node reconnects, if `connectWithNode` was given `reconnect` or `retry`. Default: see its fields. */
  readonly reconnect?: ReconnectOptions | undefined;
  /**
   * Which broadcasts of other nodes the node passes on. `'subscribed'`: only those of its own topics; every node is
   * subscribed to `''`. The node then sends less, but still receives the other broadcasts and checks their signatures.
   * If it is another node's only way to the network, that node does not receive them; other neighbours may receive them
   * later. So use it only for few nodes at the edge, such as phones. Default `'all'`.
   */
  readonly relayBroadcasts?: 'all' | 'subscribed' | undefined;
  /** How messages of Python nodes are read, and whether Python nodes take part in broadcasts. */
  readonly p2pnetwork?: P2pnetworkOptions | undefined;
  /**
   * How the node finds other nodes, such as
   * `[bootstrap(['seed.example.org:10001']), mdns(), peerStore({ path: 'peers.db' })]`; see {@link Discovery}. The node
   * joins the network through the nodes that it finds, and then has neighbours, see `neighbourhood`. Default: none.
   */
  readonly discovery?: readonly Discovery[] | undefined;
  /**
   * Who chooses the node's neighbours. `'manual'`: you do, by `connectWithNode`. `'automatic'`: the node chooses some,
   * replaces those that fail, and never closes connections that you made; see {@link NeighbourhoodOptions}. Default
   * `'automatic'` with `discovery`, otherwise `'manual'`.
   */
  readonly neighbourhood?: 'manual' | 'automatic' | NeighbourhoodOptions | undefined;
  /**
   * Whether the node announces itself to the whole network, and learns of all other nodes that do: `node_joined` and
   * `node_left` fire, and `node.presentNodes` lists them. `true` for an announcement every 30 s, or
   * {@link PresenceOptions}. It costs one broadcast of each node in each period. Default false.
   */
  readonly presence?: boolean | PresenceOptions | undefined;
  /** The protocols that the node speaks beside messages, see {@link Protocol}. Default: none. */
  readonly protocols?: readonly Protocol[] | undefined;
  /** Limits of memory, time and connections, each by its name. Default: see {@link Limits}. */
  readonly limits?: LimitOptions | undefined;
  /**
   * The source of time and randomness. If a method throws or returns nonsense, the node uses the system's for that
   * call, and `node_error` reports the first failure of each method. Default: the system.
   */
  readonly runtime?: Runtime | undefined;
  /**
   * Writes down all that happens to the node, so that `replay` of `peerloom/testing` can run its class over it again; for
   * Node.js only. docs/simulator.md says what it costs. Default: nothing is recorded.
   */
  readonly recorder?: RecorderOptions | undefined;
}

/** How messages of Python nodes are read. */
export interface P2pnetworkOptions {
  /**
   * Whether whole numbers beyond 2^53 arrive as bigints. Default false: a message that contains such a number is
   * rejected, because the number would change. A message that consists only of such a number arrives as text.
   */
  readonly bigIntegers?: boolean | undefined;
  /**
   * Whether Python peers of this node take part in broadcasts. They receive the broadcasts of topics that this node has
   * subscribed to as messages, a `dict` with `broadcast`, `origin`, `topic`, `id` and `sentAt`. A message that is a
   * `dict` with `broadcast`, and perhaps `topic`, is broadcast in the name of this node and does not fire
   * `node_message`. Python nodes prove nothing, so any program that connects as one can then broadcast in the name of
   * this node. Topics with a key are excluded. Default false.
   */
  readonly broadcasts?: boolean | undefined;
}

export const defaultOptions = {
  name: '',
  debug: false,
  maxConnections: 128,
  network: '',
  relayBroadcasts: 'all',
  presence: false,
  p2pnetwork: { bigIntegers: false, broadcasts: false },
  reconnect: defaultReconnect,
} as const satisfies NodeOptions;

/** {@link NodeOptions}, checked and completed with the defaults. */
export interface ResolvedOptions {
  readonly name: string;
  readonly debug: boolean;
  readonly callback: NodeCallback | undefined;
  readonly maxConnections: number;
  readonly identity: NodeIdentity;
  readonly transports: readonly Transport[];
  readonly network: string;
  readonly networkKey: string | undefined;
  readonly authorize: NodeOptions['authorize'];
  readonly allow: ReadonlySet<string> | undefined;
  readonly deny: ReadonlySet<string>;
  readonly reconnect: ReconnectPolicy;
  readonly relayBroadcasts: 'all' | 'subscribed';
  readonly p2pnetwork: { readonly [Name in keyof P2pnetworkOptions]-?: boolean };
  readonly discovery: readonly Discovery[];
  /** `undefined`: the user chooses the neighbours. */
  readonly neighbourhood: ResolvedNeighbourhood | undefined;
  /** `undefined` if the node does not announce itself. */
  readonly presence: ResolvedPresence | undefined;
  readonly protocols: readonly Protocol[];
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly recorder: ResolvedRecorder | undefined;
}

const optionNames = [
  'name',
  'debug',
  'callback',
  'maxConnections',
  'identity',
  'transports',
  'network',
  'networkKey',
  'authorize',
  'allow',
  'deny',
  'reconnect',
  'relayBroadcasts',
  'p2pnetwork',
  'discovery',
  'neighbourhood',
  'presence',
  'protocols',
  'limits',
  'runtime',
  'recorder',
] as const satisfies readonly (keyof NodeOptions)[];

const transportMethods = [
  'attach',
  'listen',
  'dial',
  'close',
] as const satisfies readonly (keyof Transport)[];

/**
 * Checks options and adds the defaults, without changing its argument.
 *
 * @throws TypeError or RangeError with the option's name, the rule and the value; PeerloomError `ERR_IDENTITY_…`.
 */
export function resolveOptions(given: NodeOptions = {}): ResolvedOptions {
  checkOptions(given, optionNames);
  const { callback, authorize, networkKey } = given;
  const name = checkWellFormed('name', checkType('name', given.name ?? defaultOptions.name, 'string'));
  if (name.length > maxNameLength) {
    throw new RangeError(`name must be at most ${maxNameLength} characters long, not ${name.length}`);
  }
  const network = checkType('network', given.network ?? defaultOptions.network, 'string');
  checkWellFormed('network', network);
  if (network.length > 256)
    throw new RangeError(`network must be at most 256 characters long, not ${network.length}`);
  if (callback !== undefined) checkType('callback', callback, 'function');
  if (authorize !== undefined) checkType('authorize', authorize, 'function');
  // The error does not show the value, because it is a secret.
  if (networkKey !== undefined && typeof networkKey !== 'string')
    throw new TypeError(`networkKey must be a string, not ${typeof networkKey}`);
  if (networkKey === '')
    throw new TypeError('networkKey must not be empty: leave it out for a network without a key');
  if (networkKey !== undefined) checkWellFormed('networkKey', networkKey);
  const runtime = checkRuntime(given.runtime ?? systemRuntime);
  return Object.freeze({
    name,
    network,
    callback,
    authorize,
    networkKey,
    transports: checkTransports(given.transports ?? defaultTransports()),
    debug: checkType('debug', given.debug ?? defaultOptions.debug, 'boolean'),
    maxConnections: checkWhole('maxConnections', given.maxConnections ?? defaultOptions.maxConnections, 0),
    allow: given.allow === undefined ? undefined : checkAllowed(idSet('allow', given.allow)),
    deny: idSet('deny', given.deny ?? []),
    reconnect: resolveReconnect(given.reconnect),
    relayBroadcasts: checkRelayBroadcasts(given.relayBroadcasts ?? defaultOptions.relayBroadcasts),
    p2pnetwork: resolveP2pnetwork(given.p2pnetwork),
    discovery: checkDiscoveries(given.discovery ?? []),
    neighbourhood: resolveNeighbourhood(
      given.neighbourhood ?? ((given.discovery?.length ?? 0) > 0 ? 'automatic' : 'manual'),
    ),
    presence: resolvePresence(given.presence ?? defaultOptions.presence),
    protocols: checkProtocols(given.protocols ?? []),
    limits: resolveLimits(given.limits),
    runtime,
    recorder: resolveRecorder(given.recorder),
    identity: resolveIdentity(given.identity, runtime),
  });
}

function checkTransports(transports: readonly Transport[]): readonly Transport[] {
  if (!Array.isArray(transports)) {
    throw new TypeError(`transports must be a list such as [tcp()], not ${shown(transports)}`);
  }
  if (transports.length === 0) {
    throw new TypeError('transports must be a list with at least one transport, such as [tcp()]');
  }
  for (const transport of transports) {
    if (Array.isArray(transport?.schemes) && hasMethods(transport, transportMethods)) continue;
    throw new TypeError(`each of transports must be a Transport such as tcp(), not ${shown(transport)}`);
  }
  return transports;
}

function idSet(name: string, ids: Iterable<string>): ReadonlySet<string> {
  // A string would pass as a list of its characters.
  if (typeof ids !== 'object' || ids === null || !(Symbol.iterator in ids)) {
    throw new TypeError(`${name} must be a list of ids, not ${shown(ids)}`);
  }
  const set = new Set(ids);
  for (const id of set) {
    if (typeof id !== 'string') throw new TypeError(`${name} must be a list of ids; it holds ${shown(id)}`);
    checkGivenId(name, id);
  }
  return set;
}

function checkRelayBroadcasts(value: 'all' | 'subscribed'): 'all' | 'subscribed' {
  if (value === 'all' || value === 'subscribed') return value;
  throw new TypeError(`relayBroadcasts must be 'all' or 'subscribed', not ${shown(value)}`);
}

function resolveP2pnetwork(given: P2pnetworkOptions = {}): {
  readonly [Name in keyof P2pnetworkOptions]-?: boolean;
} {
  checkOptions(given, Object.keys(defaultOptions.p2pnetwork), 'p2pnetwork');
  const { bigIntegers, broadcasts } = { ...defaultOptions.p2pnetwork, ...definedOf(given) };
  return {
    bigIntegers: checkType('p2pnetwork.bigIntegers', bigIntegers, 'boolean'),
    broadcasts: checkType('p2pnetwork.broadcasts', broadcasts, 'boolean'),
  };
}
