import type { ProtocolPeer } from '../../api/protocol.ts';
import { isPeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { Serial } from '../../base/serial.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { TurnShare } from '../../base/turn-share.ts';
import { type HistoryFrame, writeHistoryFrame } from './history-frames.ts';

/** How long this node computes for a peer's requests, in milliseconds, at least 1 for each. Further requests wait. */
const answerMs = { burst: 400, perSecond: 40 };

/** How many bytes of broadcasts this node sends to a peer that catches up. Further requests wait. */
const servedBytes = { burst: 64 * 1_048_576, perSecond: 1_048_576 };

/** A peer with which this node catches up. */
export class HistoryPeer {
  readonly peer: ProtocolPeer;
  /** How much this node computes for the peer in one turn of the event loop. */
  readonly share: TurnShare;
  readonly #runtime: Runtime;
  readonly #computed: TokenBucket;
  readonly #served: TokenBucket;
  readonly #answers = new Serial();
  #isGone = false;

  constructor(peer: ProtocolPeer, runtime: Runtime) {
    this.peer = peer;
    this.share = new TurnShare(runtime);
    this.#runtime = runtime;
    this.#computed = new TokenBucket(answerMs, runtime);
    this.#served = new TokenBucket(servedBytes, runtime);
  }

  get isReachable(): boolean {
    return !this.peer.connection.isSuspended;
  }

  /** @returns false if nothing was sent, because the queue is full or the peer does not accept a frame of that size. */
  send(frame: HistoryFrame): boolean {
    return sendHistoryFrame(this.peer, frame);
  }

  /**
   * Answers a request of the peer. It waits until earlier requests are answered, little data waits to be sent to the
   * peer, and the peer is within its rates.
   *
   * @param answer sends the answer, and returns how many bytes it sent. If it throws, the returned promise rejects.
   */
  answer(answer: () => number): Promise<void> {
    return this.#answers.run(async () => {
      await this.#waitFor(this.#computed);
      await this.#waitFor(this.#served);
      await this.peer.drained();
      if (!this.#isGone) await this.share.run(() => this.#timed(answer));
    });
  }

  /** Whether the peer's rate allows a request now, for requests that are ignored rather than delayed. */
  mayAsk(): boolean {
    return this.#computed.take();
  }

  close(): void {
    this.#isGone = true;
    this.share.cancel();
  }

  #timed(answer: () => number): void {
    const beganAtMs = this.#runtime.now();
    this.#served.spend(answer());
    this.#computed.spend(Math.max(1, this.#runtime.now() - beganAtMs));
  }

  async #waitFor(bucket: TokenBucket): Promise<void> {
    for (let waitMs = bucket.waitMs; waitMs > 0 && !this.#isGone; waitMs = bucket.waitMs) {
      await new Promise<void>((resolve) => this.#runtime.setTimeout(resolve, waitMs));
    }
  }
}

/** @returns false if nothing was sent, because the queue is full or the peer does not accept a frame of that size. */
export function sendHistoryFrame(peer: ProtocolPeer, frame: HistoryFrame): boolean {
  try {
    peer.send(writeHistoryFrame(frame));
    return true;
  } catch (error) {
    if (isPeerloomError(error)) return false;
    throw error;
  }
}
