import type { NodeConnection } from '../api/node-connection.ts';
import type { ReconnectPolicy } from '../api/options.ts';
import { backoffBoundMs, backoffDelayMs } from '../base/backoff.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/** Connects with the address once more, unless the signal fires; `lastId` is who answered there last. */
type Connect = (lastId: string, signal: AbortSignal) => Promise<NodeConnection>;

/** An address that is to stay connected. */
interface Entry {
  readonly address: string;
  readonly connect: Connect;
  /** Who answered there last. */
  id: string;
  /** Trials in a row that failed. */
  trials: number;
  /** Delays since the last connection that lasted: the next delay is one step longer. */
  waits: number;
  timer: RuntimeTimer | undefined;
  /** Nobody wants the connection any more that a trial may bring. */
  readonly dropped: AbortController;
  /** When the last trial succeeded. */
  connectedAt: number;
}

export interface ReconnectorOptions {
  readonly policy: ReconnectPolicy;
  readonly runtime: Runtime;
  /** A trial failed; false gives up. */
  readonly onFailure: (address: string, trials: number, error: unknown) => Promise<boolean>;
  /** The node that answered there last is not tried any more. */
  readonly onGivenUp: (id: string) => void;
}

/** A connection has lasted after this many first delays at the latest, however long the next delay is. */
const lastedAfterFirstDelays = 10;

/**
 * Connects again, with growing delays, where connections made with `reconnect: true` are lost. That a trial succeeds
 * does not shorten the delays: a peer that ends each connection at once would be dialled without a pause. A connection
 * has to last as long as the next delay may be, or ten times the first one.
 */
export class Reconnector {
  readonly #options: ReconnectorOptions;
  readonly #entries = new Map<string, Entry>();
  /** The user has left them, perhaps before they are watched: at their connect event. */
  readonly #left = new WeakSet<NodeConnection>();

  constructor(options: ReconnectorOptions) {
    this.#options = options;
  }

  /** Keeps the address of a connection connected from now on, unless the user has left it. */
  watch(connection: NodeConnection, address: string, connect: Connect): void {
    if (this.#left.has(connection)) return;
    this.#entries.get(address)?.timer?.cancel();
    this.#entries.set(address, {
      address,
      connect,
      id: connection.id,
      trials: 0,
      waits: 0,
      timer: undefined,
      dropped: new AbortController(),
      connectedAt: Number.NEGATIVE_INFINITY,
    });
  }

  /** The user has left that node on purpose. */
  forget(connection: NodeConnection): void {
    this.#left.add(connection);
    for (const entry of this.#of(connection.id)) this.#drop(entry);
  }

  /** The node that answered somewhere last is connected again when it is lost. */
  watches(id: string): boolean {
    return this.#of(id).length > 0;
  }

  /** There is no connection with that node any more. */
  onLost(id: string): void {
    for (const entry of this.#of(id)) {
      if (entry.timer !== undefined) continue;
      if (this.#hasLasted(entry)) entry.waits = 0;
      this.#schedule(entry);
    }
  }

  /** The link with that node broke, but not the session: the first trial comes at once if the link had lasted. */
  onUnlinked(id: string): void {
    for (const entry of this.#of(id)) {
      if (entry.timer !== undefined) continue;
      if (this.#hasLasted(entry)) {
        entry.waits = 0;
        this.#tryAfter(entry, 0);
      } else {
        this.#schedule(entry);
      }
    }
  }

  stop(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
  }

  #of(id: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.id === id);
  }

  #drop(entry: Entry): void {
    entry.timer?.cancel();
    entry.dropped.abort();
    this.#entries.delete(entry.address);
  }

  #hasLasted({ connectedAt, waits }: Entry): boolean {
    const { policy, runtime } = this.#options;
    const enoughMs = Math.min(backoffBoundMs(waits + 1, policy), lastedAfterFirstDelays * policy.minDelayMs);
    return runtime.now() - connectedAt >= enoughMs;
  }

  #schedule(entry: Entry): void {
    const { policy, runtime } = this.#options;
    entry.waits += 1;
    this.#tryAfter(
      entry,
      backoffDelayMs(entry.waits, policy, () => runtime.random('delays of reconnecting')),
    );
  }

  #tryAfter(entry: Entry, delayMs: number): void {
    entry.timer = this.#options.runtime.setTimeout(() => void this.#try(entry), delayMs);
  }

  async #try(entry: Entry): Promise<void> {
    try {
      const connection = await entry.connect(entry.id, entry.dropped.signal);
      const current = this.#entries.get(entry.address);
      if (current === undefined) return void connection.stop();
      // Who watches the address anew meanwhile has this very connection, most likely.
      if (current !== entry) return;
      if (this.#left.has(connection)) this.#drop(entry);
      const lastId = entry.id;
      entry.timer = undefined;
      entry.id = connection.id;
      entry.trials = 0;
      entry.connectedAt = this.#options.runtime.now();
      if (lastId !== entry.id) this.#giveUp(lastId);
      if (!connection.isOpen || connection.isSuspended) this.onLost(entry.id);
    } catch (error) {
      if (this.#entries.get(entry.address) !== entry) return;
      entry.trials += 1;
      const goesOn = await this.#options.onFailure(entry.address, entry.trials, error);
      if (this.#entries.get(entry.address) !== entry) return;
      if (goesOn && entry.trials < this.#options.policy.maxTrials) return this.#schedule(entry);
      this.#drop(entry);
      this.#giveUp(entry.id);
    }
  }

  #giveUp(id: string): void {
    if (!this.watches(id)) this.#options.onGivenUp(id);
  }
}
