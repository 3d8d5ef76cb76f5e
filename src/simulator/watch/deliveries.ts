/** The messages that a node has sent over one connection and the other side has not received. */
interface Outgoing {
  readonly connection: object;
  /** Hashes of messages, in the order in which they were sent. */
  hashes: number[];
  /** How many of these messages were received or skipped. */
  received: number;
}

/** When this many hashes were received, they are dropped. */
const maxReceived = 64;

/** How many connections from one node to another are kept. Beyond that, the earliest is dropped with its messages. */
const maxConnections = 64;

/**
 * Checks the messages that arrive from one node at another. Each message must have been sent, must arrive only once,
 * and in the order of its connection. Messages may be missing, because connections end.
 */
export class Deliveries {
  /** One entry for each connection of the sender, the earliest first. */
  readonly #outgoing: Outgoing[] = [];
  /** The entry of the connection that was used last. */
  #latest: Outgoing | undefined;

  /** Records that the sender has sent a message over a connection. */
  sent(connection: object, hash: number): void {
    if (this.#latest?.connection !== connection) this.#latest = this.#over(connection);
    this.#latest.hashes.push(hash);
  }

  /** @returns whether the receiver may receive this message now. */
  received(hash: number): boolean {
    // If several connections have an equal message, the connection with the fewest skipped messages is chosen.
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
