import { checkOptions, checkSignal, checkTimeout, checkType, checkWellFormed, shown } from './arguments.ts';
import { defaultTransports } from './default-transports.ts';
import { PeerloomError } from './errors.ts';
import type { NodeCallback } from './events.ts';
import { checkAllowed, checkGivenId } from './given-id.ts';
import { Identity } from './identity.ts';
import { type IdentityFile, loadOrCreateIdentity } from './identity-file.ts';
import { type LimitOptions, type Limits, resolveLimits } from './limits.ts';
import { type Runtime, systemRuntime } from './runtime.ts';
import type { Security } from './transport/security.ts';
import type { Transport } from './transport/transport.ts';
import { maxNameLength } from './wire/hello.ts';

/** What is known of a node that asks to connect, or answers. */
export interface PeerDetails {
  /** Proven by its key. */
  readonly id: string;
  /** What it calls itself; proves nothing. */
  readonly name: string;
  /** Where its end of the connection is. */
  readonly host: string;
  /** Where it says it listens. */
  readonly port: number;
  /** `'outbound'`: this node asks to connect. */
  readonly direction: 'inbound' | 'outbound';
  /** What the link promises. */
  readonly security: Security;
}

/** How a node behaves; everything has a default. */
export interface NodeOptions {
  /** For people to read; up to 64 characters. Told to every peer. Default: empty. */
  readonly name?: string | undefined;
  /** Prints every step. Default false; `DEBUG=peerloom:*` in the environment does the same. */
  readonly debug?: boolean | undefined;
  /** Called with every event, after the overridden method. */
  readonly callback?: NodeCallback | undefined;
  /** Inbound connections; 0: no limit. Default 128. */
  readonly maxConnections?: number | undefined;
  /** Who the node is: a key pair, or the file that keeps it, made when missing. Default: a new one each time. */
  readonly identity?: Identity | IdentityFile | undefined;
  /** How to reach other nodes; the first is for addresses without a scheme. Default `[tcp()]`. */
  readonly transports?: readonly Transport[] | undefined;
  /** Only nodes of the same network connect. Default: one without a name. */
  readonly network?: string | undefined;
  /** Only nodes that hold the same key connect, and nobody else learns anything of the node. Default: none. */
  readonly networkKey?: string | undefined;
  /**
   * Decides on each peer, inbound and outbound, before any event. True alone lets it in; what is no boolean is told
   * by `node_error` as well. Default: all are welcome.
   */
  readonly authorize?: ((peer: PeerDetails) => boolean | Promise<boolean>) | undefined;
  /** The ids of the only nodes to connect with. Default: all. */
  readonly allow?: Iterable<string> | undefined;
  /** Ids of nodes never to connect with. Default: none. */
  readonly deny?: Iterable<string> | undefined;
  /** How connections made with `reconnect: true` are tried again. */
  readonly reconnect?: ReconnectOptions | undefined;
  /** How messages of Python nodes are read. */
  readonly p2pnetwork?: P2pnetworkOptions | undefined;
  /** The bounds that the node keeps. */
  readonly limits?: LimitOptions | undefined;
  /** Where time and randomness come from. Default: the system. */
  readonly runtime?: Runtime | undefined;
}

/** How messages of Python nodes are read. */
export interface P2pnetworkOptions {
  /**
   * Whole numbers beyond 2^53 arrive as bigints. Default false: a message with such a number is rejected, since it would
   * arrive as another number; one that stands alone arrives as text.
   */
  readonly bigIntegers?: boolean | undefined;
}

/** When to try again, and how often. */
export interface ReconnectOptions {
  /** Milliseconds before the first trial; each further one waits up to twice as long. Default 1,000. */
  readonly minDelayMs?: number | undefined;
  /** The longest wait between two trials, in milliseconds. Default 60,000. */
  readonly maxDelayMs?: number | undefined;
  /** Trials in a row before giving up. Default `Infinity`. */
  readonly maxTrials?: number | undefined;
}

/** {@link ReconnectOptions} with nothing left open. */
export type ReconnectPolicy = { readonly [Name in keyof ReconnectOptions]-?: number };

/** How to connect. */
export interface ConnectOptions {
  /** Connects again, by the rules of {@link NodeOptions.reconnect}, when the connection is lost. Default false. */
  readonly reconnect?: boolean | undefined;
  /**
   * Keeps trying until the node can be reached, by the rules of {@link NodeOptions.reconnect}. Each failed attempt
   * fires `node_reconnection_error`, whose handler may return false to give up. Default false: the first failure rejects.
   */
  readonly retry?: boolean | undefined;
  /** The id of the node that must answer; another one is refused with `ERR_ID_MISMATCH`. */
  readonly id?: string | undefined;
  /** Milliseconds for an attempt. Default `limits.dialTimeoutMs`, 15,000. */
  readonly timeoutMs?: number | undefined;
  /** Gives up with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

export const defaultOptions = {
  name: '',
  debug: false,
  maxConnections: 128,
  network: '',
  p2pnetwork: { bigIntegers: false },
  reconnect: { minDelayMs: 1_000, maxDelayMs: 60_000, maxTrials: Number.POSITIVE_INFINITY },
} as const satisfies NodeOptions;

/** Options with nothing left open. */
export interface ResolvedOptions {
  readonly name: string;
  readonly debug: boolean;
  readonly callback: NodeCallback | undefined;
  readonly maxConnections: number;
  readonly identity: Identity;
  readonly transports: readonly Transport[];
  readonly network: string;
  readonly networkKey: string | undefined;
  readonly authorize: NodeOptions['authorize'];
  readonly allow: ReadonlySet<string> | undefined;
  readonly deny: ReadonlySet<string>;
  readonly reconnect: ReconnectPolicy;
  readonly p2pnetwork: { readonly [Name in keyof P2pnetworkOptions]-?: boolean };
  readonly limits: Limits;
  readonly runtime: Runtime;
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
  'p2pnetwork',
  'limits',
  'runtime',
] as const satisfies readonly (keyof NodeOptions)[];

const reconnectNames = Object.keys(defaultOptions.reconnect);

const connectNames = [
  'reconnect',
  'retry',
  'id',
  'timeoutMs',
  'signal',
] as const satisfies readonly (keyof ConnectOptions)[];

const transportMethods = [
  'attach',
  'listen',
  'dial',
  'close',
] as const satisfies readonly (keyof Transport)[];

const runtimeMethods = [
  'now',
  'setTimeout',
  'random',
  'randomBytes',
] as const satisfies readonly (keyof Runtime)[];

/**
 * Checks options and fills in what is missing; what it is given stays as it is.
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
  // A secret is not shown, whatever it is.
  if (networkKey !== undefined && typeof networkKey !== 'string')
    throw new TypeError(`networkKey must be a string, not ${typeof networkKey}`);
  if (networkKey === '')
    throw new TypeError('networkKey must not be empty: leave it out for a network without a key');
  if (networkKey !== undefined) checkWellFormed('networkKey', networkKey);
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
    p2pnetwork: resolveP2pnetwork(given.p2pnetwork),
    limits: resolveLimits(given.limits),
    runtime: checkRuntime(given.runtime ?? systemRuntime),
    identity: resolveIdentity(given.identity),
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

function checkRuntime(runtime: Runtime): Runtime {
  if (hasMethods(runtime, runtimeMethods)) return runtime;
  throw new TypeError(
    `runtime must be a Runtime such as systemRuntime, with ${runtimeMethods.join(', ')}, not ${shown(runtime)}`,
  );
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

function idSet(name: string, ids: Iterable<string>): ReadonlySet<string> {
  // A single id is a string, which is a list of its letters as well.
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

/** @throws TypeError, and what {@link loadOrCreateIdentity} throws. */
export function resolveIdentity(identity: NodeOptions['identity']): Identity {
  if (identity === undefined) return Identity.generate();
  if (Identity.isGenuine(identity)) return identity;
  if (typeof identity !== 'object' || identity === null) {
    throw new TypeError(`identity must be an Identity or { path, passphrase }, not ${shown(identity)}`);
  }
  if ('toPkcs8' in identity) {
    throw new TypeError(
      'identity must be an Identity of this copy of peerloom, and neither a Proxy nor a copy of one; Identity.fromSeed makes one',
    );
  }
  return loadOrCreateIdentity(identity);
}

function resolveReconnect(given: ReconnectOptions = {}): ReconnectPolicy {
  checkOptions(given, reconnectNames, 'reconnect');
  const { minDelayMs, maxDelayMs, maxTrials } = { ...defaultOptions.reconnect, ...defined(given) };
  checkWhole('reconnect.minDelayMs', minDelayMs, 1);
  checkWhole('reconnect.maxDelayMs', maxDelayMs, minDelayMs);
  if (maxTrials !== Number.POSITIVE_INFINITY) checkWhole('reconnect.maxTrials', maxTrials, 1);
  return { minDelayMs, maxDelayMs, maxTrials };
}

function resolveP2pnetwork(given: P2pnetworkOptions = {}): {
  readonly [Name in keyof P2pnetworkOptions]-?: boolean;
} {
  checkOptions(given, Object.keys(defaultOptions.p2pnetwork), 'p2pnetwork');
  const { bigIntegers } = { ...defaultOptions.p2pnetwork, ...defined(given) };
  return { bigIntegers: checkType('p2pnetwork.bigIntegers', bigIntegers, 'boolean') };
}

/** @throws TypeError or RangeError; PeerloomError `ERR_ABORTED`. */
export function checkConnectOptions(options: ConnectOptions = {}): ConnectOptions {
  checkOptions(options, connectNames);
  if (options.id !== undefined) checkGivenId('id', checkType('id', options.id, 'string'));
  if (options.reconnect !== undefined) checkType('reconnect', options.reconnect, 'boolean');
  if (options.retry !== undefined) checkType('retry', options.retry, 'boolean');
  if (options.timeoutMs !== undefined) checkTimeout(options.timeoutMs);
  checkSignal(options.signal);
  if (options.signal?.aborted) {
    throw new PeerloomError('ERR_ABORTED', 'the signal given to connectWithNode had fired already', {
      cause: options.signal.reason,
    });
  }
  return options;
}

function checkWhole(name: string, value: number, minimum: number): number {
  checkType(name, value, 'number');
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new RangeError(`${name} must be a whole number of at least ${minimum}, not ${value}`);
  }
  return value;
}

/** Without what is `undefined`, which means the default. */
function defined<Options extends object>(
  options: Options,
): { [Name in keyof Options]-?: Exclude<Options[Name], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Options]-?: Exclude<Options[Name], undefined> };
}
