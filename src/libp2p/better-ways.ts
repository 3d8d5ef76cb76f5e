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

/** Between two attempts of one way, in milliseconds. */
const retry = { minDelayMs: 2_000, maxDelayMs: 60_000 };

/** How long an attempt may take, in milliseconds. */
const attemptMs = 15_000;

/** WebRTC begins later than a way that may be faster, in milliseconds. */
const webRtcDelayMs = 300;

/** A connection that this side dialled belongs to the way that dialled it, if that says so within some milliseconds. */
const ownDialMs = 100;

/** Between two looks at the limits of a relay, in milliseconds. */
const limitsPollMs = 50;

/** The part of the service that asks a node what its addresses are. */
interface Identify {
  identify(connection: Connection, options: { readonly signal: AbortSignal }): Promise<unknown>;
}

export interface BetterWaysDetails {
  readonly engine: Engine;
  /** The present one. */
  readonly connection: Connection;
  /** This node speaks WebRTC beyond routers. */
  readonly hasWebRtc: boolean;
  readonly relayLimits: RelayLimits;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Waits for a better connection with the node at the other end of one that goes through a relay, or by WebRTC:
 *
 * - a direct one that comes up because both dial at once (hole-punching.ts), whichever side began;
 * - a direct one to an address that the other node announces;
 * - one by WebRTC;
 * - another one through the same relay, before the relay ends the present one.
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
    // One that comes up at the same moment is not needed.
    for (const way of ways) way.then((one) => one !== found && void one.close().catch(() => {}), ignore);
    return found;
  } finally {
    removeAbortListener(given, onAbort);
    for (const way of ways) way.catch(ignore);
    ending.abort(new Error('another way was found'));
  }
}

/** A direct connection comes up, or is there. */
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

/** At the addresses that the other node announces, as soon as it does, and again later. */
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

/** The other node may have learnt its public address after it said what its addresses are. */
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

/** @returns `undefined` after a failure, which is logged. */
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
