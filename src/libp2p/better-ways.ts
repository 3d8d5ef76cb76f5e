import type { Connection } from '@libp2p/interface';
import { messageOf } from '../base/arguments.ts';
import { backoffDelayMs } from '../base/backoff.ts';
import type { Log } from '../base/debug.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { announcedBy } from './announced-addresses.ts';
import { dialAny } from './dial-any.ts';
import type { Engine } from './engine.ts';
import { byWebRtcOf, isRelayed, isWebRtc } from './multiaddr-text.ts';
import type { RelayLimits } from './relay-limits.ts';
import { delay, untilAborted } from './waiting.ts';

/** The pauses between two attempts of one way, in milliseconds. */
const retry = { minDelayMs: 2_000, maxDelayMs: 60_000 };

/** How long an attempt may take, in milliseconds. */
const attemptMs = 15_000;

/** How much later than the other ways, which may be faster, WebRTC begins, in milliseconds. */
const webRtcDelayMs = 300;

/** How long to wait for the way that dialled a new connection to report it, in milliseconds. */
const ownDialMs = 100;

/** How often the limits of a relay are checked, in milliseconds. */
const limitsPollMs = 50;

/** The part of the identify service that asks a node for its addresses. */
interface Identify {
  identify(connection: Connection, options: { readonly signal: AbortSignal }): Promise<unknown>;
}

export interface BetterWaysDetails {
  readonly engine: Engine;
  /** The present connection. */
  readonly connection: Connection;
  /** Whether this node can use WebRTC through routers. */
  readonly hasWebRtc: boolean;
  readonly relayLimits: RelayLimits;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Waits for a connection that is better than a present one through a relay or by WebRTC:
 *
 * - a direct connection that results from both sides dialling simultaneously (hole-punching.ts), whichever side began;
 * - a direct connection to an address that the other node announces;
 * - a connection by WebRTC;
 * - another connection through the same relay, before the relay ends the present one.
 *
 * @throws the reason of the signal.
 */
export async function betterConnection(details: BetterWaysDetails, given: AbortSignal): Promise<Connection> {
  const ending = new AbortController();
  const { signal } = ending;
  const onAbort = (): void => ending.abort(given.reason);
  given.addEventListener('abort', onAbort);
  if (given.aborted) onAbort();
  const { remoteAddr, limits } = details.connection;
  const text = remoteAddr.toString();
  const ways = [opened(details, signal), announced(details, signal)];
  if (isRelayed(text)) {
    if (details.hasWebRtc) ways.push(byWebRtc(details, signal));
    if (limits !== undefined) ways.push(beforeTheLimits(details, signal));
  }
  try {
    const found = await Promise.race(ways);
    // Another connection that comes up at the same moment is not needed.
    for (const way of ways) way.then((one) => one !== found && void one.close().catch(() => {}), ignore);
    return found;
  } finally {
    removeAbortListener(given, onAbort);
    for (const way of ways) way.catch(ignore);
    ending.abort(new Error('another way was found'));
  }
}

/** Resolves with a direct connection, as soon as there is one. */
function opened(
  { engine, connection, runtime }: BetterWaysDetails,
  signal: AbortSignal,
): Promise<Connection> {
  const { node } = engine;
  let timer: RuntimeTimer | undefined;
  const isBetter = (one: Connection): boolean =>
    one !== connection &&
    one.remotePeer.equals(connection.remotePeer) &&
    one.status === 'open' &&
    isDirect(one) &&
    !isDirect(connection);
  return untilAborted(signal, (resolve) => {
    const onOpen = ({ detail }: CustomEvent<Connection>): void => {
      if (!isBetter(detail)) return;
      timer?.cancel();
      timer = runtime.setTimeout(
        () => resolve(detail),
        detail.direction === 'inbound' ? 0 : ownDialMs,
        'watching',
      );
    };
    node.addEventListener('connection:open', onOpen);
    const there = node.getConnections().find(isBetter);
    if (there !== undefined) resolve(there);
    return () => {
      timer?.cancel();
      node.removeEventListener('connection:open', onOpen);
    };
  });
}

/** Dials the addresses that the other node announces, as soon as it announces them, and again later. */
async function announced(details: BetterWaysDetails, signal: AbortSignal): Promise<Connection> {
  const { engine, connection } = details;
  const { node } = engine;
  let news = Promise.withResolvers<void>();
  const onIdentify = ({ detail }: CustomEvent<{ peerId: Connection['remotePeer'] }>): void => {
    if (detail.peerId.equals(connection.remotePeer)) news.resolve();
  };
  node.addEventListener('peer:identify', onIdentify);
  try {
    for (let attempts = 1; ; attempts += 1) {
      const texts = await announcedBy(node, connection);
      const found = texts.length === 0 ? undefined : await tryDial(details, texts, signal);
      if (found !== undefined) return found;
      const hasNews = news.promise.then(() => true);
      const isTime = later(details.runtime, attempts, signal).then(() => false);
      if (!(await Promise.race([hasNews, isTime]))) await askAgain(details, signal);
      news = Promise.withResolvers();
    }
  } finally {
    node.removeEventListener('peer:identify', onIdentify);
  }
}

/** Asks the other node again for its addresses, because it may have learnt its public address meanwhile. */
async function askAgain({ engine, connection, log }: BetterWaysDetails, signal: AbortSignal): Promise<void> {
  const { identify } = engine.node.services as { identify?: Identify };
  try {
    await identify?.identify(connection, { signal });
  } catch (error) {
    signal.throwIfAborted();
    log(`${connection.remotePeer} does not say what its addresses are: ${messageOf(error)}`);
  }
}

async function byWebRtc(details: BetterWaysDetails, signal: AbortSignal): Promise<Connection> {
  const { runtime, connection } = details;
  const text = byWebRtcOf(connection.remoteAddr.toString());
  await delay(runtime, webRtcDelayMs, signal);
  for (let attempts = 1; ; attempts += 1) {
    const found = await tryDial(details, [text], signal);
    if (found !== undefined) return found;
    await later(runtime, attempts, signal);
  }
}

async function beforeTheLimits(details: BetterWaysDetails, signal: AbortSignal): Promise<Connection> {
  const { connection, runtime, relayLimits } = details;
  const isNear = relayLimits.nearEndOf(connection);
  for (;;) {
    await delay(runtime, limitsPollMs, signal);
    if (!isNear()) continue;
    const found = await tryDial(details, [connection.remoteAddr.toString()], signal);
    if (found !== undefined) return found;
    await delay(runtime, 1_000, signal);
  }
}

/** @returns the connection, or `undefined` after a failure, which is logged. */
async function tryDial(
  { engine, runtime, log }: BetterWaysDetails,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<Connection | undefined> {
  try {
    return await dialAny({ engine, runtime, texts, timeoutMs: attemptMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
    log(`no better way by ${texts.join(', ')}: ${errors.map(messageOf).join('; ')}`);
    return undefined;
  }
}

function isDirect({ direct, remoteAddr }: Connection): boolean {
  return direct && !isWebRtc(remoteAddr.toString());
}

function later(runtime: Runtime, attempts: number, signal: AbortSignal): Promise<void> {
  return delay(
    runtime,
    backoffDelayMs(attempts, retry, () => runtime.random('better ways')),
    signal,
  );
}

function ignore(): void {}
