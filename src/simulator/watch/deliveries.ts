/** What one run of a node has sent over one connection, and the other side has not received. */
interface Outgoing {
  /** Hashes of messages, in the order in which they were sent. */
  hashes: number[];
  /** How many of these have been received, or were passed over. */
  received: number;
}

/** Received hashes are dropped when there are so many. */
const maxReceived = 64;

/** So many connections are known that one node sent over to another. What the earliest one lost is then forgotten. */
const maxConnections = 64;

/**
 * Checks what arrives from one node at another: each message was sent, arrives once, and after those that were sent
 * before it over the same connection. A message may be missing, since connections end.
 */
export class Deliveries {
  /** By the receiver, then by the connection of the sender. */
  readonly #outgoing = new Map<string, Map<object, Outgoing>>();

  /** @param receiver the id of the node that it was sent to. */
  sent(receiver: string, connection: object, hash: number): void {
    let connections = this.#outgoing.get(receiver);
    if (connections === undefined) {
      connections = new Map();
      this.#outgoing.set(receiver, connections);
    }
    const outgoing = connections.get(connection);
    if (outgoing !== undefined) {
      outgoing.hashes.push(hash);
      return;
    }
    connections.set(connection, { hashes: [hash], received: 0 });
    for (const [earliest] of connections) {
      if (connections.size <= maxConnections) break;
      connections.delete(earliest);
    }
  }

  /** @returns whether the receiver may receive this now. */
  received(receiver: string, hash: number): boolean {
    const connections = this.#outgoing.get(receiver);
    if (connections === undefined) return false;
    // Of two connections with equal messages, the one that loses nothing by it.
    let best: { outgoing: Outgoing; at: number; missing: number } | undefined;
    for (const outgoing of connections.values()) {
      const at = outgoing.hashes.indexOf(hash, outgoing.received);
      const missing = at - outgoing.received;
      if (at >= 0 && (best === undefined || missing < best.missing)) best = { outgoing, at, missing };
      if (missing === 0) break;
    }
    if (best === undefined) return false;
    best.outgoing.received = best.at + 1;
    if (best.outgoing.received >= maxReceived) {
      best.outgoing.hashes = best.outgoing.hashes.slice(best.outgoing.received);
      best.outgoing.received = 0;
    }
    return true;
  }
}
