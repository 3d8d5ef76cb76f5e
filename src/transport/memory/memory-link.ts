import type { Address } from '../../base/address.ts';
import { errorOf } from '../../base/arguments.ts';
import type { LateSet } from '../../base/late-collections.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { Waiters } from '../../base/waiters.ts';
import type { Security } from '../security.ts';
import type { Link, TransportContext } from '../transport.ts';

interface End {
  readonly context: TransportContext;
  readonly address: Address;
  /** The links of its transport. */
  readonly links: LateSet<Link>;
}

/** The queue of an idle link. */
const nothing: Uint8Array[] = [];

const security: Security = { protocol: 'memory', encrypted: true, authenticated: true };

/** Bytes under way at which a link is full. */
const highWaterBytes = 64 * 1024;

/** The two ends of a new link. */
export function memoryLinkPair(dialler: End, acceptor: End): [Link, Link] {
  const ours = new MemoryLink(dialler, acceptor);
  const theirs = new MemoryLink(acceptor, dialler);
  ours.join(theirs);
  theirs.join(ours);
  return [ours, theirs];
}

class MemoryLink implements Link {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security = security;
  readonly limitsByAddress = false;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;
  onMessage: (bytes: Uint8Array) => void = () => {};

  readonly #runtime: Runtime;
  /** The links of its transport that have not ended. */
  readonly #links: LateSet<Link>;
  #other: MemoryLink | undefined;
  #settleClosed: (error: Error | undefined) => void = () => {};
  #state: 'open' | 'ending' | 'closed' = 'open';

  /** What the other side has sent and this side has not received yet. */
  #arriving: Uint8Array[] = nothing;
  #arrivingBytes = 0;
  #delivery: RuntimeTimer | undefined;
  #paused = false;
  #otherEnded = false;
  readonly #drained = new Waiters();

  constructor({ context: { runtime }, links }: End, remote: End) {
    this.remoteId = remote.context.identity.id;
    this.remoteAddress = remote.address;
    this.#runtime = runtime;
    this.#links = links;
    links.add(this);
    this.startedAt = runtime.now();
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  join(other: MemoryLink): void {
    this.#other = other;
  }

  /** Sends a copy, because the two sides share no memory. */
  send(bytes: Uint8Array, sent?: () => void): boolean {
    if (this.#state !== 'open') return true;
    // Not slice(), which shares the memory where the bytes are a Buffer.
    const copy = new Uint8Array(bytes);
    sent?.();
    return this.#other!.#arrive(copy);
  }

  drained(): Promise<void> {
    if (this.#state !== 'open' || this.#other!.#arrivingBytes < highWaterBytes) return Promise.resolve();
    return this.#drained.wait();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleDelivery();
  }

  close(timeoutMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.resume();
    this.#other!.#otherEnded = true;
    this.#other!.#scheduleDelivery();
    const timer = this.#runtime.setTimeout(() => this.destroy(), timeoutMs);
    void this.closed.then(() => timer.cancel());
  }

  destroy(): void {
    this.#end(undefined);
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#delivery?.cancel();
    this.#links.delete(this);
    this.#drop();
    this.#settleClosed(error);
    this.#drained.wake();
    this.#other!.#drop();
    this.#other!.#otherEnded = true;
    this.#other!.#drained.wake();
    this.#other!.#scheduleDelivery();
  }

  #arrive(bytes: Uint8Array): boolean {
    if (this.#state === 'closed') return true;
    if (this.#arriving === nothing) this.#arriving = [];
    this.#arriving.push(bytes);
    this.#arrivingBytes += bytes.length;
    this.#scheduleDelivery();
    return this.#arrivingBytes < highWaterBytes;
  }

  #scheduleDelivery(): void {
    if (this.#delivery !== undefined || this.#paused || this.#state === 'closed') return;
    this.#delivery = this.#runtime.setTimeout(() => this.#deliver(), 0);
  }

  #deliver(): void {
    this.#delivery = undefined;
    while (this.#arriving.length > 0 && !this.#paused && this.#state !== 'closed') {
      const bytes = this.#arriving.shift()!;
      this.#arrivingBytes -= bytes.length;
      // A side that closes drops what still arrives.
      if (this.#state === 'open') this.#hand(bytes);
    }
    if (this.#arriving.length === 0) this.#arriving = nothing;
    if (this.#arrivingBytes < highWaterBytes) this.#other!.#drained.wake();
    if (this.#otherEnded && this.#arriving.length === 0) this.destroy();
  }

  /** A listener that throws ends this link, not the process. */
  #hand(bytes: Uint8Array): void {
    try {
      this.onMessage(bytes);
    } catch (error) {
      this.#end(errorOf(error));
    }
  }

  /** Drops what this side has not received yet. */
  #drop(): void {
    this.#arriving = nothing;
    this.#arrivingBytes = 0;
  }
}
