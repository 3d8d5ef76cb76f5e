import { checkOptions, checkType } from './arguments.ts';

/**
 * The limits that a node keeps. docs/limits.md says what happens beyond each of them, docs/attacks.md why it exists.
 */
export interface Limits {
  /**
   * Milliseconds for the whole handshake, from the first byte of a connection to its connected event. Default 10,000.
   */
  readonly handshakeTimeoutMs: number;
  /** Bytes that a peer may send before it is authenticated, and the length of the longest hello. Default 8,192. */
  readonly maxHandshakeBytes: number;
  /** Inbound handshakes at the same time; further ones wait. Default 32. */
  readonly maxHalfOpen: number;
  /** Inbound handshakes at the same time from one remote address; loopback is exempt. Default 4. */
  readonly maxHalfOpenPerAddress: number;
  /** Milliseconds to reach one of the network addresses of a host. Default 5,000. */
  readonly dialAddressTimeoutMs: number;
  /** Milliseconds for a whole dial: name lookup, every address, handshake. Default 15,000. */
  readonly dialTimeoutMs: number;
  /**
   * Inbound connections, and suspended inbound sessions, of one remote address; loopback is exempt. 0: no limit.
   * Default 8.
   */
  readonly maxInboundPerAddress: number;
  /**
   * New inbound connections from one remote address in a second; as many may come at once. Loopback is exempt.
   * Default 10.
   */
  readonly inboundPerSecondPerAddress: number;
  /** Bytes of one message, compressed and decompressed. Default 16 MiB. */
  readonly maxMessageBytes: number;
  /**
   * Lists, objects, byte arrays and typed arrays in one message, together. Their elements do not count. Default
   * 1,000,000.
   */
  readonly maxContainers: number;
  /**
   * Bytes that wait to be sent on a connection when `send` begins to return false. Default 1 MiB; at most
   * `queueMaxBytes`.
   */
  readonly queueHighWaterBytes: number;
  /** Bytes that may wait to be sent on a connection; beyond them `send` throws `ERR_QUEUE_FULL`. Default 32 MiB. */
  readonly queueMaxBytes: number;
  /**
   * Bytes of messages that a peer may send before handlers have finished with earlier ones. The same limit applies to
   * requests, and to frames of protocols. Further ones wait at the peer. Each counts 256 bytes more than its content.
   * Default 4 MiB.
   */
  readonly unhandledMaxBytes: number;
  /** Requests of a connection whose handlers have not settled; further ones wait. Default 64. */
  readonly maxRequests: number;
  /** Streams of one connection, whichever side opened them. Default 256. */
  readonly maxStreams: number;
  /**
   * Bytes that a stream receives ahead of its reader, and bytes that wait to be sent when its `write` begins to return
   * false. A stream that is read as fast as it arrives gets up to 8 MiB, out of 16 MiB for all streams of the
   * connection. From 1,024 to 2^30. Default 256 KiB.
   */
  readonly streamWindowBytes: number;
  /**
   * Bytes of the elements of a state dict that a peer may send with `sendState`; at most half of `memoryBudgetBytes`
   * counts. Default 128 MiB.
   */
  readonly maxStateBytes: number;
  /**
   * Bytes that all peers together may make the node keep. Beyond them the node ends connections with the goodbye
   * `overload`, the most expensive one first. Default 256 MiB; at least `maxMessageBytes` and `queueMaxBytes`.
   */
  readonly memoryBudgetBytes: number;
  /** Milliseconds of silence after which the node pings a peer. Default 15,000. */
  readonly pingAfterMs: number;
  /** Milliseconds of silence after which the node ends a connection; above `pingAfterMs`. Default 45,000. */
  readonly deadAfterMs: number;
  /**
   * Milliseconds that a dialled node keeps the session of a peer that connected with `reconnect` and lost its link.
   * Default 300,000.
   */
  readonly sessionTimeoutMs: number;
}

/**
 * The defaults of {@link Limits}.
 *
 * @enum
 */
export const defaultLimits = {
  handshakeTimeoutMs: 10_000,
  maxHandshakeBytes: 8 * 1024,
  maxHalfOpen: 32,
  maxHalfOpenPerAddress: 4,
  dialAddressTimeoutMs: 5_000,
  dialTimeoutMs: 15_000,
  maxInboundPerAddress: 8,
  inboundPerSecondPerAddress: 10,
  maxMessageBytes: 16 * 1024 * 1024,
  maxContainers: 1_000_000,
  queueHighWaterBytes: 1024 * 1024,
  queueMaxBytes: 32 * 1024 * 1024,
  unhandledMaxBytes: 4 * 1024 * 1024,
  maxRequests: 64,
  maxStreams: 256,
  streamWindowBytes: 256 * 1024,
  maxStateBytes: 128 * 1024 * 1024,
  memoryBudgetBytes: 256 * 1024 * 1024,
  pingAfterMs: 15_000,
  deadAfterMs: 45_000,
  sessionTimeoutMs: 300_000,
} as const satisfies Limits;

/** The limits to set; all others keep their defaults. */
export type LimitOptions = { readonly [Name in keyof Limits]?: Limits[Name] | undefined };

/** Smallest values other than 1. 0 means no limit. */
const minimums: Partial<Record<string, number>> = { maxInboundPerAddress: 0, streamWindowBytes: 1_024 };

/** Largest values. */
const maximums: Partial<Record<string, number>> = { streamWindowBytes: 2 ** 30 };

/**
 * Completes the given limits with the defaults.
 *
 * @throws TypeError for an unknown name or a value that is not a number.
 * @throws RangeError for a value out of range, a `deadAfterMs` that leaves no time for a ping, a given
 * `queueHighWaterBytes` above `queueMaxBytes`, or a `memoryBudgetBytes` that one peer could exceed within its own
 * limits.
 */
export function resolveLimits(given: LimitOptions = {}): Limits {
  checkOptions(given, Object.keys(defaultLimits), 'limits');
  const limits: Record<string, number> = { ...defaultLimits };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    checkType(`limits.${name}`, value, 'number');
    const minimum = minimums[name] ?? 1;
    const maximum = maximums[name] ?? Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < minimum) {
      throw new RangeError(`limits.${name} must be a whole number of at least ${minimum}, not ${value}`);
    }
    if (value > maximum) throw new RangeError(`limits.${name} must be at most ${maximum}, not ${value}`);
    limits[name] = value;
  }
  const { pingAfterMs, deadAfterMs } = limits as unknown as Limits;
  if (deadAfterMs <= pingAfterMs) {
    throw new RangeError(
      `limits.deadAfterMs must be above limits.pingAfterMs, ${pingAfterMs}, not ${deadAfterMs}`,
    );
  }
  // With a cap below the default mark alone, `send` would throw before it ever returned false.
  if (given.queueHighWaterBytes !== undefined && given.queueHighWaterBytes > limits.queueMaxBytes!) {
    throw new RangeError(
      `limits.queueHighWaterBytes must be at most limits.queueMaxBytes, ${limits.queueMaxBytes}, not ${given.queueHighWaterBytes}`,
    );
  }
  for (const name of ['maxMessageBytes', 'queueMaxBytes']) {
    if (limits.memoryBudgetBytes! >= limits[name]!) continue;
    throw new RangeError(
      `limits.memoryBudgetBytes must be at least limits.${name}, ${limits[name]}, not ${limits.memoryBudgetBytes}`,
    );
  }
  return Object.freeze(limits) as unknown as Limits;
}
