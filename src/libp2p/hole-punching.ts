import type { Connection, IdentifyResult, Stream } from '@libp2p/interface';
import { messageOf } from '../base/arguments.ts';
import { backoffDelayMs } from '../base/backoff.ts';
import type { Log } from '../base/debug.ts';
import { scopeOf } from '../base/host-scope.ts';
import type { Runtime } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { announcedBy } from './announced-addresses.ts';
import { dialAny } from './dial-any.ts';
import { causesOf } from './dial-errors.ts';
import { type Engine, transportManagerOf } from './engine.ts';
import type { HolePunchMessage } from './hole-punch-message.ts';
import { MessageStream } from './message-stream.ts';
import { isRelayed, parseMultiaddr } from './multiaddr-text.ts';
import { delay, untilAborted } from './waiting.ts';

/** The protocol by which two nodes behind a relay agree to dial each other at the same moment. */
export const holePunchProtocol = '/libp2p/dcutr';

/** The pauses between two attempts with the same node, in milliseconds. */
const retry = { minDelayMs: 2_000, maxDelayMs: 600_000 };

/** How long one attempt may take, in milliseconds, and how long dialling may take in it. */
const attemptMs = 15_000;
const diallingMs = 6_000;

/**
 * How long after dialling its addresses the other node is invited, in milliseconds. The invitation may not be needed.
 */
const inviteDelayMs = 200;

/** When a second packet follows the first one, in milliseconds. A router may refuse the first, unexpected packet. */
const againMs = 200;

/** How often one attempt dials the other node's address. It may be the address of somebody else. */
export const maxTries = 10;

/** The burst and the rate per second of attempts, which other nodes cause. Each makes this node send packets. */
export const attemptBurst = 16;
const attemptsPerSecond = 1;

/** The most simultaneous attempts. With one node, each side may have begun one of them. */
export const maxAttempts = 8;

/** On most machines, the system does not assign ports from here on automatically. */
const firstPort = 49_152;
const portCount = 16_384;

export interface HolePunchingDetails {
  readonly engine: Engine;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Called when a connection that was not dialled for a link has come up. */
  readonly arrived: (connection: Connection) => void;
}

/** A local port, with the address under which the relay sees it. */
interface Door {
  readonly localPort: number;
  readonly multiaddr: string;
  readonly connection: Connection;
}

/**
 * Establishes direct TCP connections between two nodes that are connected through a relay (libp2p specification
 * "DCUtR", direct connection upgrade through relay). The node that was reached through the relay begins. It dials the
 * public addresses that the other node announces. Then both dial each other at the same moment, so that each router
 * takes the packets of the other side for answers.
 *
 * A router lets answers in to the port from which the first packet was sent. So each side opens a second connection
 * with the relay from a separate port, learns from the relay which public port the router uses for it, and dials the
 * other side from it. This does not work with a router that uses another port for each destination.
 */
export class HolePunching {
  readonly #details: HolePunchingDetails;
  readonly #closing = new AbortController();
  readonly #tokens: TokenBucket;
  readonly #begun = new WeakSet<Connection>();
  /** The attempts under way, each as the side that began it and the other node's id. */
  readonly #underWay = new Set<string>();

  constructor(details: HolePunchingDetails) {
    this.#details = details;
    const limit = { burst: attemptBurst, perSecond: attemptsPerSecond };
    this.#tokens = new TokenBucket(limit, details.runtime);
  }

  /** Takes part in attempts that other nodes begin. */
  async start(): Promise<void> {
    const { node } = this.#details.engine;
    await node.handle(holePunchProtocol, (stream, connection) => void this.#join(stream, connection), {
      maxInboundStreams: 1,
      runOnLimitedConnection: true,
    });
  }

  /** Another node has identified itself. If it came through a relay, a direct connection is attempted. */
  identified({ connection, protocols }: Pick<IdentifyResult, 'connection' | 'protocols'>): void {
    const isReached = connection.direction === 'inbound' && isRelayed(connection.remoteAddr.toString());
    if (!isReached || !protocols.includes(holePunchProtocol) || this.#begun.has(connection)) return;
    this.#begun.add(connection);
    void this.#begin(connection);
  }

  close(): void {
    this.#closing.abort(new Error('the node is stopping'));
  }

  async #begin(connection: Connection): Promise<void> {
    const { runtime } = this.#details;
    const { signal } = this.#closing;
    const random = (): number => runtime.random('better ways');
    const name = `begun ${connection.remotePeer}`;
    for (let attempts = 1; !signal.aborted && this.#isNeeded(connection); ) {
      if (this.#takePlace(name)) {
        const isDone = await this.#attempt(name, connection, (ending) =>
          Promise.any([this.#dialAnnounced(connection, ending), this.#invite(connection, ending)]),
        );
        if (isDone) return;
        attempts += 1;
      }
      await delay(runtime, backoffDelayMs(attempts, retry, random), signal).catch(() => {});
    }
  }

  /** Dials the announced addresses, because the router may let all connections in, or there may be no router. */
  async #dialAnnounced(connection: Connection, signal: AbortSignal): Promise<void> {
    const { engine, runtime, arrived } = this.#details;
    const texts = await announcedBy(engine.node, connection);
    arrived(await dialAny({ engine, runtime, texts, timeoutMs: diallingMs, signal }));
  }

  async #invite(connection: Connection, signal: AbortSignal): Promise<void> {
    const { engine, runtime } = this.#details;
    await delay(runtime, inviteDelayMs, signal);
    const door = await this.#openDoor(connection, signal);
    const stream = await connection.newStream(holePunchProtocol, { signal, runOnLimitedConnection: true });
    const talk = new MessageStream(stream);
    try {
      const askedAt = runtime.now();
      talk.send({ type: 'connect', addresses: [engine.multiaddr(door.multiaddr).bytes] });
      const text = this.#textOf(await talk.next('connect', signal), connection);
      const roundTripMs = runtime.now() - askedAt;
      talk.send({ type: 'sync', addresses: [] });
      await delay(runtime, roundTripMs / 2, signal);
      await this.#dialFrom(door, { texts: [text], asListener: true, signal });
    } finally {
      talk.close();
      void door.connection.close().catch(() => {});
    }
  }

  async #join(stream: Stream, connection: Connection): Promise<void> {
    const talk = new MessageStream(stream);
    const name = `joined ${connection.remotePeer}`;
    if (!isRelayed(connection.remoteAddr.toString()) || !this.#takePlace(name)) {
      talk.abort('not now');
      return;
    }
    await this.#attempt(name, connection, async (signal) => {
      try {
        const text = this.#textOf(await talk.next('connect', signal), connection);
        const door = await this.#openDoor(connection, signal);
        try {
          talk.send({ type: 'connect', addresses: [this.#details.engine.multiaddr(door.multiaddr).bytes] });
          await talk.next('sync', signal);
          await this.#dialFrom(door, { texts: [text], asListener: false, signal });
        } finally {
          void door.connection.close().catch(() => {});
        }
      } finally {
        talk.close();
      }
    });
  }

  /** @returns whether an attempt may begin. If so, it occupies a place until {@link HolePunching.#attempt} ends. */
  #takePlace(name: string): boolean {
    if (this.#underWay.size >= maxAttempts || this.#underWay.has(name) || !this.#tokens.take()) return false;
    this.#underWay.add(name);
    return true;
  }

  /** @returns whether it succeeded. */
  async #attempt(
    name: string,
    connection: Connection,
    begin: (signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const { runtime, log } = this.#details;
    const ending = new AbortController();
    const timer = runtime.setTimeout(
      () => ending.abort(new Error('it took too long')),
      attemptMs,
      'watching',
    );
    const signal = AbortSignal.any([ending.signal, this.#closing.signal]);
    try {
      await begin(signal);
      return true;
    } catch (error) {
      const errors = causesOf(error).filter((one) => !(one instanceof AggregateError));
      log(`no direct connection with ${connection.remotePeer}: ${errors.map(messageOf).join('; ')}`);
      return false;
    } finally {
      this.#underWay.delete(name);
      timer.cancel();
      ending.abort(new Error('the attempt is over'));
    }
  }

  /** Opens a second connection with the relay, which reports how it sees the local port of that connection. */
  async #openDoor(connection: Connection, signal: AbortSignal): Promise<Door> {
    const { engine, runtime } = this.#details;
    const { node, multiaddr } = engine;
    const relay = connection.remoteAddr.toString().split('/p2p-circuit')[0]!;
    if (!/^\/[^/]+\/[^/]+\/tcp\/\d+(\/p2p\/\w+)?$/.test(relay))
      throw new Error('the relay is not reached by TCP');
    const localPort = firstPort + Math.floor(runtime.random('ports') * portCount);
    let opened: Connection | undefined;
    const seen = untilAborted<string>(signal, (resolve) => {
      const onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
        if (detail.connection === opened) resolve(detail.observedAddr?.toString() ?? '');
      };
      node.addEventListener('peer:identify', onIdentify);
      return () => node.removeEventListener('peer:identify', onIdentify);
    });
    seen.catch(() => {});
    opened = await transportManagerOf(node).dial(multiaddr(relay), { signal, localPort });
    try {
      const text = (await seen).replace(/\/p2p\/\w+$/, '');
      if (!isPublicTcp(text)) throw new Error(`the relay sees this node at ${text || 'no address'}`);
      return { localPort, multiaddr: text, connection: opened };
    } catch (error) {
      void opened.close().catch(() => {});
      throw error;
    }
  }

  /**
   * Returns the first public address that the other node names. The others are ignored, because each may be the address
   * of somebody else.
   *
   * @throws Error if there is none.
   */
  #textOf({ addresses }: HolePunchMessage, { remotePeer }: Connection): string {
    const texts = addresses.flatMap((bytes) => {
      try {
        return this.#details.engine.multiaddr(bytes).toString().replace(`/p2p/${remotePeer}`, '');
      } catch {
        return [];
      }
    });
    const usable = texts.find(isPublicTcp);
    if (usable === undefined) throw new Error('the other node names no public address');
    return `${usable}/p2p/${remotePeer}`;
  }

  async #dialFrom(
    { localPort }: Door,
    how: { readonly texts: readonly string[]; readonly asListener: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { engine, runtime, arrived } = this.#details;
    const endsAt = runtime.now() + diallingMs;
    for (let tries = 1; ; tries += 1) {
      try {
        const timeoutMs = endsAt - runtime.now();
        arrived(await dialAny({ engine, runtime, timeoutMs, localPort, ...how }));
        return;
      } catch (error) {
        how.signal.throwIfAborted();
        if (tries === maxTries || runtime.now() + againMs >= endsAt) throw error;
        await delay(runtime, againMs, how.signal);
      }
    }
  }

  /** Whether an attempt is needed: the relayed connection exists, and no direct one. */
  #isNeeded({ status, remotePeer }: Connection): boolean {
    const { node } = this.#details.engine;
    return (
      status === 'open' &&
      !node.getConnections().some((one) => one.remotePeer.equals(remotePeer) && one.direct)
    );
  }
}

function isPublicTcp(text: string): boolean {
  if (!/^\/ip[46]\/[^/]+\/tcp\/\d+$/.test(text)) return false;
  return scopeOf(parseMultiaddr(text)?.host ?? '') === 'public';
}
