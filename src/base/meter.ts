import { type ErrorCode, isPeerloomError } from './errors.ts';

/** How often something failed, by the code of the error. Codes that never occurred are absent. */
export type CountsByCode = Readonly<Partial<Record<ErrorCode, number>>>;

/** The bytes that one side of a link sent and received. */
export interface Traffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Counts the failures of one kind. */
export class FailureCounts {
  /** Created for the first failure. */
  #counts: Map<ErrorCode, number> | undefined;

  /** Errors other than a PeerloomError were thrown by the user's code. */
  add(error: unknown): void {
    const code = isPeerloomError(error) ? error.code : 'ERR_HANDLER';
    this.#counts ??= new Map();
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts?.values() ?? []) total += count;
    return total;
  }

  byCode(): CountsByCode {
    return Object.fromEntries(this.#counts ?? []);
  }
}

/** The handshakes of one direction. */
export class HandshakeCounts {
  completed = 0;
  readonly failed = new FailureCounts();
}

/**
 * The counts of a node since its construction. Connections count their own bytes, once for each piece of the link and
 * not for each message. Their sums are added here when they end.
 */
export class Meter {
  /** Messages, deliveries and requests. */
  sent = 0;
  received = 0;
  /** Copies of broadcasts that the node had already. */
  broadcastCopies = 0;
  readonly rejected = new FailureCounts();
  readonly handshakes = { inbound: new HandshakeCounts(), outbound: new HandshakeCounts() };
  #endedSentBytes = 0;
  #endedReceivedBytes = 0;

  /** A connection has ended. */
  addEnded({ sentBytes, receivedBytes }: Traffic): void {
    this.#endedSentBytes += sentBytes;
    this.#endedReceivedBytes += receivedBytes;
  }

  /** The bytes of connections that have ended, and of those given. */
  traffic(open: Iterable<Traffic>): Traffic {
    let sentBytes = this.#endedSentBytes;
    let receivedBytes = this.#endedReceivedBytes;
    for (const connection of open) {
      sentBytes += connection.sentBytes;
      receivedBytes += connection.receivedBytes;
    }
    return { sentBytes, receivedBytes };
  }
}
