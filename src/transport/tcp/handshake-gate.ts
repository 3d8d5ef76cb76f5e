import { isLoopback } from '../../address.ts';
import type { Limits } from '../../limits.ts';
import type { Runtime, RuntimeTimer } from '../../runtime.ts';

/** A handshake that takes longer than this gives way when others wait. */
const patienceMs = 1_000;

/** Connections that may wait for their handshake to begin, for each place. */
const waitingPerPlace = 4;

interface Admitted {
  readonly address: string;
  readonly since: number;
  readonly evict: () => void;
}

/**
 * Bounds the inbound handshakes under way, in all and for one address, so that connections which say
 * nothing, or dribble, cost little and keep nobody out: further ones wait their turn, and while some wait,
 * the slow ones among those under way are dropped.
 */
export class HandshakeGate {
  readonly #limits: Limits;
  readonly #runtime: Runtime;
  readonly #underWay = new Set<Admitted>();
  #waiting: { readonly address: string; readonly begin: () => void; readonly drop: () => void }[] = [];
  #eviction: RuntimeTimer | undefined;

  constructor(limits: Limits, runtime: Runtime) {
    this.#limits = limits;
    this.#runtime = runtime;
  }

  /**
   * Runs `handshake` when there is room.
   *
   * @param drop ends the connection: too many wait, or this handshake was too slow.
   */
  enter(address: string, handshake: () => Promise<void>, drop: () => void): void {
    const sameAddress = [...this.#underWay, ...this.#waiting].filter((one) => one.address === address).length;
    const isCrowded = !isLoopback(address) && sameAddress >= this.#limits.maxHalfOpenPerAddress;
    if (isCrowded || this.#waiting.length >= waitingPerPlace * this.#limits.maxHalfOpen) {
      drop();
      return;
    }
    const begin = (): void => {
      const admitted = { address, since: this.#runtime.now(), evict: drop };
      this.#underWay.add(admitted);
      void handshake().finally(() => {
        this.#underWay.delete(admitted);
        this.#advance();
      });
    };
    if (this.#underWay.size < this.#limits.maxHalfOpen) {
      begin();
    } else {
      this.#waiting.push({ address, begin, drop });
      this.#scheduleEviction();
    }
  }

  /** Drops everything. */
  close(): void {
    this.#eviction?.cancel();
    for (const { drop } of this.#waiting.splice(0)) drop();
    for (const { evict } of this.#underWay) evict();
  }

  #advance(): void {
    if (this.#underWay.size < this.#limits.maxHalfOpen) this.#waiting.shift()?.begin();
  }

  #scheduleEviction(): void {
    const [oldest] = this.#underWay;
    if (this.#eviction !== undefined || oldest === undefined) return;
    const delayMs = Math.max(1, oldest.since + patienceMs - this.#runtime.now());
    this.#eviction = this.#runtime.setTimeout(() => {
      this.#eviction = undefined;
      if (this.#waiting.length === 0) return;
      const now = this.#runtime.now();
      for (const one of this.#underWay) if (now - one.since >= patienceMs) one.evict();
      this.#scheduleEviction();
    }, delayMs);
  }
}
