import type { Connection } from '@libp2p/interface';
import type { Runtime } from '../base/runtime.ts';
import { pingProtocol } from './ping-answers.ts';

export interface ConnectionUsesDetails {
  readonly runtime: Runtime;
  /** How long another node may keep a connection without opening a stream on it, in milliseconds. */
  readonly idleMs: number;
  /** Whether a connection is needed for something other than links, such as a place at a relay. */
  readonly keeps: (connection: Connection) => boolean;
}

/**
 * Tracks which libp2p connections are in use. A connection without a link is closed, so that none stays open unused.
 */
export class ConnectionUses {
  readonly #details: ConnectionUsesDetails;
  /** The number of links on each connection. */
  readonly #links = new Map<Connection, number>();
  readonly #dialled = new WeakSet<Connection>();

  constructor(details: ConnectionUsesDetails) {
    this.#details = details;
  }

  /** A connection that was not dialled for a link has come up. */
  arrived(connection: Connection): void {
    this.#endIfIdleLater(connection);
  }

  /** A connection was dialled for a link. */
  dialled(connection: Connection): void {
    this.#dialled.add(connection);
  }

  /** A connection carries one more link. */
  begin(connection: Connection): void {
    if (!this.#links.has(connection) && !connection.direct) this.#keepOpen(connection);
    this.#links.set(connection, (this.#links.get(connection) ?? 0) + 1);
  }

  /** A link on a connection has ended, or could not be opened. */
  end(connection: Connection): void {
    const left = (this.#links.get(connection) ?? 1) - 1;
    if (left > 0) {
      this.#links.set(connection, left);
      return;
    }
    this.#links.delete(connection);
    if (this.#dialled.has(connection)) this.#endIfIdle(connection);
    else if (connection.direction === 'inbound') this.#endIfIdleLater(connection);
  }

  /**
   * Prevents libp2p from closing a relayed connection, which it does once a direct one exists, even if it carries
   * links.
   */
  #keepOpen(connection: Connection): void {
    const { close } = connection;
    connection.close = async (options) => {
      if (!this.#links.has(connection)) await close.call(connection, options);
    };
  }

  #endIfIdleLater(connection: Connection): void {
    if (connection.status !== 'open') return;
    const { runtime, idleMs } = this.#details;
    const timer = runtime.setTimeout(
      () => {
        if (this.#links.has(connection)) return;
        if (!this.#endIfIdle(connection)) this.#endIfIdleLater(connection);
      },
      idleMs,
      'watching',
    );
    connection.addEventListener('close', () => timer.cancel(), { once: true });
  }

  #endIfIdle(connection: Connection): boolean {
    // Pings alone do not keep a connection.
    const isUsed = connection.streams.some(({ protocol }) => protocol !== pingProtocol);
    if (isUsed || this.#details.keeps(connection)) return false;
    connection.close().catch((error: unknown) => connection.abort(error as Error));
    return true;
  }
}
