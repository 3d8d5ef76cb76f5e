import type { Connection, Libp2p } from '@libp2p/interface';
import type { Log } from '../base/debug.ts';
import type { Runtime } from '../base/runtime.ts';
import { pingProtocol } from './ping-answers.ts';
import { delay, untilAborted } from './waiting.ts';

/** How long the other end of a connection may take to answer, in milliseconds. */
const patienceMs = 3_000;

/**
 * Ends connections whose other end has silently gone, once the same node has connected again. If a router forgets a
 * connection, TCP needs a quarter of an hour to time out. Meanwhile, a relay would pass data for the node to this
 * oldest connection, so that the node could not be reached.
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

  /** A connection has come up. The earlier connections with the same node are checked by a ping. */
  opened(connection: Connection): void {
    for (const one of this.#sameNode(connection)) {
      if (this.#asked.has(one)) continue;
      this.#asked.add(one);
      void this.#check(one).finally(() => this.#asked.delete(one));
    }
  }

  /** Returns the other direct connections with the same node, the latest last. */
  #sameNode(connection: Connection): readonly Connection[] {
    return this.#node
      .getConnections()
      .filter((one) => one !== connection && one.direct && one.remotePeer.equals(connection.remotePeer));
  }

  async #check(earlier: Connection): Promise<void> {
    let hasAnswered = false;
    const answering = this.#answers(earlier, 2 * patienceMs).then((answers) => {
      hasAnswered = answers;
    });
    if (await Promise.race([answering.then(() => true), this.#pause(patienceMs)])) return;
    // If the path to the node is interrupted, neither connection answers, so nothing can be concluded.
    const later = this.#sameNode(earlier).at(-1);
    if (later === undefined || !(await this.#answers(later, patienceMs)) || hasAnswered) return;
    const error = new Error('it did not answer, and the node had opened another one');
    this.#log(`ending a connection with ${earlier.remotePeer}: ${error.message}`);
    earlier.abort(error);
  }

  async #pause(delayMs: number): Promise<false> {
    await delay(this.#runtime, delayMs, new AbortController().signal);
    return false;
  }

  /** Whether the other end answers a ping in time. A refusal is an answer too. */
  async #answers(connection: Connection, withinMs: number): Promise<boolean> {
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const timer = this.#runtime.setTimeout(() => giveUp.abort(new Error('no answer')), withinMs, 'watching');
    try {
      const stream = await connection.newStream(pingProtocol, { signal });
      await untilAborted<void>(signal, (resolve) => {
        const onMessage = (): void => resolve();
        stream.addEventListener('message', onMessage);
        stream.send(new Uint8Array(32));
        return () => stream.removeEventListener('message', onMessage);
      });
      stream.abort(new Error('it answered'));
      return true;
    } catch {
      return !signal.aborted && connection.status === 'open';
    } finally {
      timer.cancel();
    }
  }
}
