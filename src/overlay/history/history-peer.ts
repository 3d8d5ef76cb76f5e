import type { ProtocolPeer } from '../../api/protocol.ts';
import { isPeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { Serial } from '../../base/serial.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { TurnShare } from '../../base/turn-share.ts';
import { type HistoryFrame, writeHistoryFrame } from './history-frames.ts';

/** What this node computes for the questions of a peer, in milliseconds: at least 1 for each. Beyond that they wait. */
const answerMs = { burst: 400, perSecond: 40 };

/** Bytes of broadcasts that this node sends to a peer that catches up. Beyond that the peer waits. */
const servedBytes = { burst: 64 * 1_048_576, perSecond: 1_048_576 };

/** A peer, as one with which this node catches up. */
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
   * Answers a question of the peer, once those before it are answered, little waits to be sent to the peer, and the
   * peer has not asked for too much.
   *
   * @param answer returns how many bytes it sent. Throws or rejects as this does.
   */
  answer(answer: () => number): Promise<void> {
    return this.#answers.run(async () => {
      await this.#waitFor(this.#computed);
      await this.#waitFor(this.#served);
      await this.peer.drained();
      if (!this.#isGone) await this.share.run(() => this.#timed(answer));
    });
  }

  /** Whether a question of the peer that is not worth a wait is answered. */
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

/** @returns false if nothing was sent: the queue is full, or the peer takes no frame of that size. */
export function sendHistoryFrame(peer: ProtocolPeer, frame: HistoryFrame): boolean {
  try {
    peer.send(writeHistoryFrame(frame));
    return true;
  } catch (error) {
    if (isPeerloomError(error)) return false;
    throw error;
  }
}
