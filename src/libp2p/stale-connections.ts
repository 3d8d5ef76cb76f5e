import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import type { Log } from '../base/debug.ts';
import type { Runtime } from '../base/runtime.ts';
import { pingProtocol } from './ping-answers.ts';
import { delay, untilAborted } from './waiting.ts';

/** How long the other end of a connection may take to answer, in milliseconds. */
const patienceMs = 3_000;

/** The events of a stream by which the other end shows that it is there. */
const responses = ['message', 'remoteCloseWrite', 'close'] as const;

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
  readonly #closing = new AbortController();

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

  /** Ends all checks, and no connection. */
  close(): void {
    this.#closing.abort(new Error('the node is stopping'));
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
    const isOver = await Promise.race([answering.then(() => true), this.#pause(patienceMs)]);
    if (isOver || this.#closing.signal.aborted) return;
    // If the path to the node is interrupted, neither connection answers, so nothing can be concluded.
    const later = this.#sameNode(earlier).at(-1);
    if (later === undefined || !(await this.#answers(later, patienceMs)) || hasAnswered) return;
    const error = new Error('it did not answer, and the node had opened another one');
    this.#log(`ending a connection with ${earlier.remotePeer}: ${error.message}`);
    earlier.abort(error);
  }

  async #pause(delayMs: number): Promise<false> {
    await delay(this.#runtime, delayMs, this.#closing.signal).catch(() => {});
    return false;
  }

  /** Whether the other end answers a ping in time. A refusal is an answer too, also one after the stream has opened. */
  async #answers(connection: Connection, withinMs: number): Promise<boolean> {
    const giveUp = new AbortController();
    const signal = AbortSignal.any([giveUp.signal, this.#closing.signal]);
    const timer = this.#runtime.setTimeout(() => giveUp.abort(new Error('no answer')), withinMs, 'watching');
    let stream: Stream | undefined;
    try {
      stream = await connection.newStream(pingProtocol, { signal });
      await this.#response(stream, signal);
      return connection.status === 'open';
    } catch {
      return !signal.aborted && connection.status === 'open';
    } finally {
      timer.cancel();
      giveUp.abort(new Error('the ping is over'));
      // The other end allows few streams of pings at once, and resets further ones.
      stream?.abort(new Error('the ping is over'));
    }
  }

  /** Sends a ping, and waits for an answer or the end of the stream. */
  #response(stream: Stream, signal: AbortSignal): Promise<void> {
    return untilAborted<void>(signal, (resolve) => {
      const onResponse = (): void => resolve();
      for (const type of responses) stream.addEventListener(type, onResponse);
      stream.send(new Uint8Array(32));
      return () => {
        for (const type of responses) stream.removeEventListener(type, onResponse);
      };
    });
  }
}
