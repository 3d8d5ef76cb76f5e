import { NodeConnection } from '../api/node-connection.ts';
import type { ReconnectPolicy } from '../api/reconnect-options.ts';
import { backoffBoundMs, backoffDelayMs } from '../base/backoff.ts';
import { LateMap } from '../base/late-collections.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import type { Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { Peers } from './peers.ts';

/** Connects with the address again, unless the signal fires. `lastId` is the peer that answered there last. */
type Connect = (lastId: string, signal: AbortSignal) => Promise<PeerConnection>;

/** An address that the node keeps connected. */
interface Watch {
  readonly address: string;
  readonly connect: Connect;
  /** The peer that answered there last. */
  peer: Peer;
  /** Consecutive failed attempts. */
  attempts: number;
  /** How many delays there were since the last lasting connection. The next delay is one step longer. */
  waits: number;
  timer: RuntimeTimer | undefined;
  /** Fires when the connection is no longer wanted, also during an attempt. */
  readonly dropped: AbortController;
  /** When the last attempt succeeded. */
  connectedAt: number;
}

export interface ReconnectorOptions {
  readonly policy: ReconnectPolicy;
  readonly runtime: Runtime;
  /** Timers for the waits between attempts. */
  readonly timers: Pick<Runtime, 'setTimeout'>;
  readonly peers: Pick<Peers, 'of' | 'release'>;
  /** An attempt failed; false gives up. */
  readonly onFailure: (address: string, attempts: number, error: unknown) => Promise<boolean>;
}

/** A connection counts as lasting after this many first delays at the latest, however long the next delay is. */
const lastedAfterFirstDelays = 10;

/**
 * Reconnects lost connections that were made with `reconnect: true`, with growing delays. The delays grow even if
 * attempts succeed; otherwise, a peer that ends each connection immediately would be dialled without a pause. They are
 * reset once a connection has lasted as long as the next delay may be, or ten times the first delay.
 */
export class Reconnector {
  readonly #options: ReconnectorOptions;
  readonly #watches = new LateMap<string, Watch>();

  constructor(options: ReconnectorOptions) {
    this.#options = options;
  }

  /** Keeps the address of a connection connected from now on, unless the user has disconnected it. */
  watch({ connection }: PeerConnection, address: string, connect: Connect): void {
    if (NodeConnection.isDisconnected(connection)) return;
    const earlier = this.#watches.get(address);
    earlier?.timer?.cancel();
    const watch: Watch = {
      address,
      connect,
      peer: this.#options.peers.of(connection.id),
      attempts: 0,
      waits: 0,
      timer: undefined,
      dropped: new AbortController(),
      connectedAt: Number.NEGATIVE_INFINITY,
    };
    watch.peer.watches += 1;
    this.#watches.set(address, watch);
    if (earlier !== undefined) this.#release(earlier.peer);
  }

  /** The user has disconnected from that peer. */
  forget(peer: Peer): void {
    for (const watch of this.#of(peer)) this.#drop(watch);
  }

  /** There is no connection with that peer any more. */
  onLost(peer: Peer): void {
    for (const watch of this.#of(peer)) {
      if (watch.timer !== undefined) continue;
      if (this.#hasLasted(watch)) watch.waits = 0;
      this.#schedule(watch);
    }
  }

  /** The link with that peer broke, but not the session. The first attempt is immediate if the link had lasted. */
  onUnlinked(peer: Peer): void {
    for (const watch of this.#of(peer)) {
      if (watch.timer !== undefined) continue;
      if (this.#hasLasted(watch)) {
        watch.waits = 0;
        this.#tryAfter(watch, 0);
      } else {
        this.#schedule(watch);
      }
    }
  }

  stop(): void {
    for (const watch of [...this.#watches.values()]) this.#drop(watch);
  }

  #of(peer: Peer): Watch[] {
    return peer.watches === 0 ? [] : [...this.#watches.values()].filter((watch) => watch.peer === peer);
  }

  #drop(watch: Watch): void {
    watch.timer?.cancel();
    watch.dropped.abort();
    this.#watches.delete(watch.address);
    this.#release(watch.peer);
  }

  /** One address fewer, at which that peer answered last, is watched. */
  #release(peer: Peer): void {
    peer.watches -= 1;
    this.#options.peers.release(peer);
  }

  #hasLasted({ connectedAt, waits }: Watch): boolean {
    const { policy, runtime } = this.#options;
    const enoughMs = Math.min(backoffBoundMs(waits + 1, policy), lastedAfterFirstDelays * policy.minDelayMs);
    return runtime.now() - connectedAt >= enoughMs;
  }

  #schedule(watch: Watch): void {
    const { policy, runtime } = this.#options;
    watch.waits += 1;
    this.#tryAfter(
      watch,
      backoffDelayMs(watch.waits, policy, () => runtime.random('delays of reconnecting')),
    );
  }

  #tryAfter(watch: Watch, delayMs: number): void {
    watch.timer = this.#options.timers.setTimeout(() => void this.#try(watch), delayMs);
  }

  async #try(watch: Watch): Promise<void> {
    const { peers, policy, runtime, onFailure } = this.#options;
    const last = watch.peer;
    try {
      const { connection, channel } = await watch.connect(last.id, watch.dropped.signal);
      const current = this.#watches.get(watch.address);
      if (current === undefined) return void connection.stop();
      // If a caller has meanwhile watched the address anew, it most likely has this connection.
      if (current !== watch) return;
      const peer = peers.of(connection.id);
      peer.watches += 1;
      this.#release(last);
      watch.peer = peer;
      watch.timer = undefined;
      watch.attempts = 0;
      watch.connectedAt = runtime.now();
      if (NodeConnection.isDisconnected(connection)) this.#drop(watch);
      if (last !== peer) endWait(last);
      if (!channel.isOpen || channel.isSuspended) this.onLost(peer);
    } catch (error) {
      if (this.#watches.get(watch.address) !== watch) return;
      watch.attempts += 1;
      const goesOn = await onFailure(watch.address, watch.attempts, error);
      if (this.#watches.get(watch.address) !== watch) return;
      if (goesOn && watch.attempts < policy.maxTrials) return this.#schedule(watch);
      this.#drop(watch);
      endWait(last);
    }
  }
}

/** Ends the wait of a suspended session, because the node no longer tries to reach the peer. */
function endWait(peer: Peer): void {
  if (peer.watches === 0) peer.connection?.channel.endSuspended('the node gave up reconnecting');
}
