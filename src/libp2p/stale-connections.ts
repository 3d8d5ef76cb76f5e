import type { Connection, Libp2p } from '@libp2p/interface';
import type { Log } from '../base/debug.ts';
import type { Runtime } from '../base/runtime.ts';
import { pingProtocol } from './ping-answers.ts';
import { untilAborted } from './waiting.ts';

/** How long the other end of a connection may take to answer, in milliseconds. */
const patienceMs = 3_000;

/**
 * Ends connections whose other end has gone without a word, once the same node is there again. A router that forgets a
 * connection leaves it to time out, which takes TCP a quarter of an hour. A relay would pass what comes for the node to
 * this oldest connection, so that nobody reached the node.
 */
export class StaleConnections {
  readonly #node: Libp2p;
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #asked = new WeakSet<Connection>();

  constructor(details: { readonly node: Libp2p; readonly runtime: Runtime; readonly log: Log }) {
    this.#node = details.node;
    this.#runtime = details.runtime;
    this.#log = details.log;
  }

  /** A connection came up: the earlier ones of the same node are asked whether they still work. */
  opened(connection: Connection): void {
    for (const one of this.#node.getConnections()) {
      const isEarlier = one !== connection && one.remotePeer.equals(connection.remotePeer) && one.direct;
      if (!isEarlier || this.#asked.has(one)) continue;
      this.#asked.add(one);
      void this.#ask(one).finally(() => this.#asked.delete(one));
    }
  }

  async #ask(connection: Connection): Promise<void> {
    const giveUp = new AbortController();
    const timer = this.#runtime.setTimeout(
      () => {
        const error = new Error('it did not answer, and the node had opened another one');
        this.#log(`ending a connection with ${connection.remotePeer}: ${error.message}`);
        connection.abort(error);
        giveUp.abort(error);
      },
      patienceMs,
      'watching',
    );
    const { signal } = giveUp;
    try {
      const stream = await connection.newStream(pingProtocol, { signal });
      await untilAborted<void>(signal, (resolve) => {
        const onMessage = (): void => resolve();
        stream.addEventListener('message', onMessage);
        stream.send(new Uint8Array(32));
        return () => stream.removeEventListener('message', onMessage);
      });
      stream.abort(new Error('it answered'));
    } catch {
      // A refusal is an answer, too.
    } finally {
      timer.cancel();
    }
  }
}
