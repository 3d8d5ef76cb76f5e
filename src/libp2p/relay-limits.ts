import type { Connection, IdentifyResult, Libp2p } from '@libp2p/interface';
import { relayOf } from './multiaddr-text.ts';

/** The fraction of a relay's bytes that links do not use, because libp2p needs it. */
const reservedShare = 1 / 8;

/** A connection must be replaced if less than this fraction of the relay's bytes is left. */
const leastBytesShare = 3 / 4;
const leastSecondsShare = 1 / 2;
const leastSeconds = 30;

/** More than the limit of any relay that reports seconds. A higher number is in milliseconds. */
const mostSeconds = 1_000;

/** Knows the limits of relays for the connections that they carry. */
export class RelayLimits {
  readonly #node: Libp2p;
  /** Connections with programs that use js-libp2p. */
  readonly #jsPrograms = new WeakSet<Connection>();
  readonly #firstSeconds = new WeakMap<Connection, number>();

  constructor(node: Libp2p) {
    this.#node = node;
  }

  /** Another node has identified itself. */
  heard({ agentVersion, connection }: Pick<IdentifyResult, 'agentVersion' | 'connection'>): void {
    if (agentVersion?.startsWith('js-libp2p/')) this.#jsPrograms.add(connection);
  }

  /**
   * Returns for how many seconds the relay will still carry a connection. `undefined` if it has no limit. Relays that
   * use js-libp2p report milliseconds, although the protocol specifies seconds.
   */
  secondsLeftOf(connection: Connection): number | undefined {
    const seconds = connection.limits?.seconds;
    if (seconds === undefined) return undefined;
    const first = this.#firstSeconds.get(connection) ?? seconds;
    this.#firstSeconds.set(connection, first);
    if (first < mostSeconds || !this.#isByJs(connection)) return seconds;
    return Math.max(0, Math.round(first / 1_000 - (first - seconds)));
  }

  /** @returns a function that returns whether the relay will end the connection soon. */
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
 * Returns how many bytes one side may send over a relayed connection: half of the relay's limit, because neither side
 * knows how much the other has sent. `undefined` if the relay has no limit.
 */
export function ownShareOf({ limits }: Connection): number | undefined {
  if (limits?.bytes === undefined) return undefined;
  return Math.floor((Number(limits.bytes) * (1 - reservedShare)) / 2);
}
