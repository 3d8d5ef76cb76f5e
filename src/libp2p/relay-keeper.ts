import type { Listener } from '@libp2p/interface';
import { attempt } from '../base/attempt.ts';
import { backoffDelayMs } from '../base/backoff.ts';
import type { Log } from '../base/debug.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import type { RelayPlace } from '../transport/transport-reach.ts';
import { explainReservation } from './dial-errors.ts';
import { type Engine, transportManagerOf } from './engine.ts';
import { idOf, listenThrough } from './multiaddr-text.ts';

/** The pauses between two attempts to get a place at a relay, in milliseconds. */
const retry = { minDelayMs: 1_000, maxDelayMs: 60_000 };

/** How long one attempt may take, in milliseconds. */
const attemptMs = 10_000;

export interface RelayKeeperDetails {
  readonly engine: Engine;
  /** The address of the relay, with its id. */
  readonly relay: string;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Keeps a place at one relay, so that others reach this node through it. It asks for the place, and asks again after
 * the relay was unreachable. libp2p itself would refuse to start while the relay is down, and would not retry.
 */
export class RelayKeeper {
  readonly #details: RelayKeeperDetails;
  readonly #closing = new AbortController();
  #listener: Listener | undefined;
  #attempts = 0;
  #timer: RuntimeTimer | undefined;
  #isAsking = false;
  #failure: string | undefined;

  constructor(details: RelayKeeperDetails) {
    this.#details = details;
  }

  /** The id of the relay. */
  get id(): string {
    return idOf(this.#details.relay)!;
  }

  /** Whether others can reach this node through the relay now. */
  get isReserved(): boolean {
    return (this.#listener?.getAddrs().length ?? 0) > 0;
  }

  get place(): RelayPlace {
    const { isReserved } = this;
    return { relay: this.#details.relay, isReserved, failure: isReserved ? undefined : this.#failure };
  }

  /** Asks once. Always resolves. After a failure, it continues in the background. */
  async start(): Promise<void> {
    await this.#ask();
  }

  close(): void {
    this.#closing.abort();
    this.#timer?.cancel();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking || this.#closing.signal.aborted || this.isReserved) return;
    const { relay, log } = this.#details;
    this.#isAsking = true;
    try {
      await this.#reserve();
      this.#attempts = 0;
      log(`reachable through the relay ${relay}`);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#attempts += 1;
      this.#failure = explainReservation(error, relay);
      log(`the relay ${relay} has no place for this node: ${this.#failure}; trying again`);
    } finally {
      this.#isAsking = false;
    }
    if (!this.isReserved) this.#askLater();
  }

  #askLater(): void {
    const { runtime } = this.#details;
    if (this.#closing.signal.aborted) return;
    const waitMs = backoffDelayMs(Math.max(1, this.#attempts), retry, () => runtime.random('relay'));
    this.#timer?.cancel();
    this.#timer = runtime.setTimeout(() => void this.#ask(), waitMs, 'watching');
  }

  async #reserve(): Promise<void> {
    const { engine, relay, runtime } = this.#details;
    const { node, multiaddr } = engine;
    // Dial first, because if libp2p cannot dial a relay while it asks for a place, it never asks that relay again.
    await attempt(
      {
        what: `dialling the relay ${relay}`,
        timeoutMs: attemptMs,
        runtime,
        stopping: this.#closing.signal,
      },
      (signal) => node.dial(multiaddr(relay), { signal }),
    );
    const address = multiaddr(listenThrough(relay));
    if (this.#listener !== undefined) {
      await this.#listener.listen(address);
      return;
    }
    const transportManager = transportManagerOf(node);
    const before = new Set(transportManager.getListeners());
    try {
      await transportManager.listen([address]);
    } finally {
      this.#listener = transportManager.getListeners().find((one) => !before.has(one));
      this.#listener?.addEventListener('listening', () => {
        if (!this.isReserved) this.#askLater();
      });
    }
  }
}
