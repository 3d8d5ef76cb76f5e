import { bytesToHex } from '@noble/hashes/utils.js';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { lookFrame, type QuestionFrame, seenFrame } from './question-frames.ts';

/** How a peer sees this node. */
export interface Sighting {
  /** The host and the port from which the link comes, as the peer sees it. Behind a NAT they are the router's. */
  readonly host: string;
  readonly port: number;
  /** The time of the peer's clock, in milliseconds since 1970. */
  readonly wallMs: number;
  /** Milliseconds between question and answer. The peer read its clock within this time. */
  readonly roundTripMs: number;
}

export interface LooksOptions<Peer> {
  readonly runtime: Runtime;
  /** Sends a frame, unless the peer cannot take it. */
  send(peer: Peer, frame: Uint8Array): void;
  /** The address of a peer's end of the link. */
  addressOf(peer: Peer): { readonly host: string; readonly port: number };
}

/** The most questions of one peer in a second, in the long run, and in a burst. Further questions are not answered. */
const looksPerSecond = 1;
const lookBurst = 4;

/** Milliseconds to wait for an answer. */
const patienceMs = 5_000;

interface Look<Peer> {
  readonly peer: Peer;
  readonly sentAtMs: number;
  readonly settle: (sighting: Sighting | undefined) => void;
  readonly timer: RuntimeTimer;
}

/**
 * Asks peers from which address they see this node, and for the time of their clocks. Answers such questions of peers.
 */
export class Looks<Peer extends object> {
  readonly #options: LooksOptions<Peer>;
  readonly #rates = new WeakMap<Peer, TokenBucket>();
  /** The questions under way, by their numbers. */
  readonly #looks = new Map<string, Look<Peer>>();

  constructor(options: LooksOptions<Peer>) {
    this.#options = options;
  }

  /** Asks a peer. Resolves with `undefined` if the peer does not answer. */
  ask(peer: Peer): Promise<Sighting | undefined> {
    const { runtime, send } = this.#options;
    const number = bytesToHex(runtime.randomBytes(8, 'numbers of questions'));
    return new Promise((resolve) => {
      const timer = runtime.setTimeout(() => this.#settle(number, undefined), patienceMs);
      this.#looks.set(number, { peer, sentAtMs: runtime.now(), settle: resolve, timer });
      send(peer, lookFrame(number));
    });
  }

  received(peer: Peer, frame: Extract<QuestionFrame, { kind: 'look' | 'seen' }>): void {
    const { runtime, send, addressOf } = this.#options;
    const { number } = frame;
    if (frame.kind === 'look') {
      if (this.#rateOf(peer).take())
        send(peer, seenFrame({ number, ...addressOf(peer), wallMs: runtime.wallNow() }));
      return;
    }
    const look = this.#looks.get(number);
    // The answer is too late, or was not asked for.
    if (look?.peer !== peer) return;
    const { host, port, wallMs } = frame;
    this.#settle(number, { host, port, wallMs, roundTripMs: runtime.now() - look.sentAtMs });
  }

  closed(peer: Peer): void {
    for (const [number, look] of this.#looks) if (look.peer === peer) this.#settle(number, undefined);
  }

  stop(): void {
    for (const number of [...this.#looks.keys()]) this.#settle(number, undefined);
  }

  #settle(number: string, sighting: Sighting | undefined): void {
    const look = this.#looks.get(number);
    this.#looks.delete(number);
    look?.timer.cancel();
    look?.settle(sighting);
  }

  #rateOf(peer: Peer): TokenBucket {
    let rate = this.#rates.get(peer);
    if (rate === undefined) {
      rate = new TokenBucket({ burst: lookBurst, perSecond: looksPerSecond }, this.#options.runtime);
      this.#rates.set(peer, rate);
    }
    return rate;
  }
}
