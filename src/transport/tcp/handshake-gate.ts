import { isLoopback, sourceOf } from '../../base/address.ts';
import type { Limits } from '../../base/limits.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** A handshake that takes longer than this is dropped if others wait. */
const patienceMs = 1_000;

/** How many connections may wait for each place. */
const waitingPerPlace = 4;

interface Admitted {
  readonly source: string;
  readonly since: number;
  readonly evict: () => void;
}

interface Waiting {
  readonly source: string;
  readonly begin: () => void;
  readonly drop: () => void;
}

/**
 * Limits inbound handshakes, in total and for one address, so that silent or slow connections cost little and block
 * nobody. Further connections wait. While some wait, slow handshakes are dropped. The newest waiting connection goes
 * first, and if too many wait, the oldest is dropped. So a flood delays later connections by the patience of one
 * handshake, not of all.
 */
export class HandshakeGate {
  readonly #limits: Limits;
  readonly #runtime: Runtime;
  readonly #underWay = new Set<Admitted>();
  readonly #waiting: Waiting[] = [];
  #eviction: RuntimeTimer | undefined;

  constructor(limits: Limits, runtime: Runtime) {
    this.#limits = limits;
    this.#runtime = runtime;
  }

  /**
   * Runs `handshake` when there is room.
   *
   * @param drop ends the connection, because too many wait or this handshake is too slow.
   */
  enter(address: string, handshake: () => Promise<void>, drop: () => void): void {
    const source = sourceOf(address);
    const sameSource = [...this.#underWay, ...this.#waiting].filter((one) => one.source === source).length;
    if (!isLoopback(address) && sameSource >= this.#limits.maxHalfOpenPerAddress) {
      drop();
      return;
    }
    const begin = (): void => {
      const leave = (): void => {
        if (this.#underWay.delete(admitted)) this.#advance();
      };
      const evict = (): void => {
        drop();
        leave();
      };
      const admitted = { source, since: this.#runtime.now(), evict };
      this.#underWay.add(admitted);
      void handshake().finally(leave);
    };
    if (this.#underWay.size < this.#limits.maxHalfOpen) {
      begin();
    } else {
      this.#waiting.push({ source, begin, drop });
      if (this.#waiting.length > waitingPerPlace * this.#limits.maxHalfOpen) this.#waiting.shift()?.drop();
      this.#scheduleEviction();
    }
  }

  /** Drops everything. */
  close(): void {
    this.#eviction?.cancel();
    this.#eviction = undefined;
    for (const { drop } of this.#waiting.splice(0)) drop();
    for (const { evict } of this.#underWay) evict();
  }

  #advance(): void {
    if (this.#underWay.size < this.#limits.maxHalfOpen) this.#waiting.pop()?.begin();
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
