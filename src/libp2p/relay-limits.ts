import type { Connection, IdentifyResult, Libp2p } from '@libp2p/interface';
import { relayOf } from './multiaddr-text.ts';

/** Of the bytes that a relay allows, what neither side sends of its own: libp2p needs them. */
const reservedShare = 1 / 8;

/** A connection has to be replaced when less is left of what the relay allowed at first. */
const leastBytesShare = 3 / 4;
const leastSecondsShare = 1 / 2;
const leastSeconds = 30;

/** More seconds than a relay allows whose limit is in seconds. */
const mostSeconds = 1_000;

/** What relays allow the connections that they carry. */
export class RelayLimits {
  readonly #node: Libp2p;
  /** Connections with programs that are written with js-libp2p. */
  readonly #jsPrograms = new WeakSet<Connection>();
  readonly #firstSeconds = new WeakMap<Connection, number>();

  constructor(node: Libp2p) {
    this.#node = node;
  }

  /** Another node says what it is. */
  heard({ agentVersion, connection }: Pick<IdentifyResult, 'agentVersion' | 'connection'>): void {
    if (agentVersion?.startsWith('js-libp2p/')) this.#jsPrograms.add(connection);
  }

  /**
   * For how many seconds the relay will still carry a connection. `undefined`: it names no limit. Relays written with
   * js-libp2p say it in milliseconds, although the protocol has seconds.
   */
  secondsLeftOf(connection: Connection): number | undefined {
    const seconds = connection.limits?.seconds;
    if (seconds === undefined) return undefined;
    const first = this.#firstSeconds.get(connection) ?? seconds;
    this.#firstSeconds.set(connection, first);
    if (first < mostSeconds || !this.#isByJs(connection)) return seconds;
    return Math.max(0, Math.round(first / 1_000 - (first - seconds)));
  }

  /** @returns whether the relay will end the connection soon, whenever it is called. */
  nearEndOf(connection: Connection): () => boolean {
    const { limits } = connection;
    const bytes = limits?.bytes;
    const leastBytes = Number(bytes ?? 0) * leastBytesShare;
    const seconds = this.secondsLeftOf(connection);
    const least = Math.min(leastSeconds, (seconds ?? 0) * leastSecondsShare);
    return () =>
      (bytes !== undefined && Number(limits!.bytes) < leastBytes) ||
      (seconds !== undefined && this.secondsLeftOf(connection)! <= least);
  }

  #isByJs({ remoteAddr }: Connection): boolean {
    const relay = relayOf(remoteAddr.toString());
    return this.#node
      .getConnections()
      .some((one) => one.remotePeer.toString() === relay && this.#jsPrograms.has(one));
  }
}

/**
 * How many bytes one side may send over a relayed connection: half of what the relay allows, because neither side knows
 * how much of the other's is under way. `undefined`: the relay names no limit.
 */
export function ownShareOf({ limits }: Connection): number | undefined {
  if (limits?.bytes === undefined) return undefined;
  return Math.floor((Number(limits.bytes) * (1 - reservedShare)) / 2);
}
