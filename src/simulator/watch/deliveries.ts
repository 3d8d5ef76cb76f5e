/** What one node has sent over one connection, and the other side has not received. */
interface Outgoing {
  readonly connection: object;
  /** Hashes of messages, in the order in which they were sent. */
  hashes: number[];
  /** How many of these were received or skipped. */
  received: number;
}

/** Received hashes are dropped when there are this many. */
const maxReceived = 64;

/** The most connections from one node to another that are kept. The earliest is then forgotten, with what it lost. */
const maxConnections = 64;

/**
 * Checks what arrives from one node at another: each message was sent, arrives once, and after those that were sent
 * before it over the same connection. A message may be missing, since connections end.
 */
export class Deliveries {
  /** By the connection of the sender, the earliest first. */
  readonly #outgoing: Outgoing[] = [];
  /** The connection that was used last. */
  #latest: Outgoing | undefined;

  /** The sender has sent a message over one of its connections. */
  sent(connection: object, hash: number): void {
    if (this.#latest?.connection !== connection) this.#latest = this.#over(connection);
    this.#latest.hashes.push(hash);
  }

  /** @returns whether the receiver may receive this now. */
  received(hash: number): boolean {
    // If two connections have an equal message, the one on which no message is skipped.
    let best: Outgoing | undefined;
    let bestAt = 0;
    for (const outgoing of this.#outgoing) {
      const at = outgoing.hashes.indexOf(hash, outgoing.received);
      if (at < 0) continue;
      const missing = at - outgoing.received;
      if (best !== undefined && missing >= bestAt - best.received) continue;
      best = outgoing;
      bestAt = at;
      if (missing === 0) break;
    }
    if (best === undefined) return false;
    best.received = bestAt + 1;
    if (best.received >= maxReceived) {
      best.hashes = best.hashes.slice(best.received);
      best.received = 0;
    }
    return true;
  }

  #over(connection: object): Outgoing {
    const known = this.#outgoing.find((outgoing) => outgoing.connection === connection);
    if (known !== undefined) return known;
    const outgoing = { connection, hashes: [], received: 0 };
    this.#outgoing.push(outgoing);
    if (this.#outgoing.length > maxConnections) this.#outgoing.shift();
    return outgoing;
  }
}
