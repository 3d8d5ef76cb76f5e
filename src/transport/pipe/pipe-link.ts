import type { Duplex } from 'node:stream';
import type { Address } from '../../base/address.ts';
import type { Runtime } from '../../base/runtime.ts';
import { Waiters } from '../../base/waiters.ts';
import type { Security } from '../security.ts';
import type { Link } from '../transport.ts';
import { FairReader } from './fair-reader.ts';

export interface PipeLinkDetails {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security: Security;
  readonly startedAt: number;
  readonly limitsByAddress?: boolean;
  readonly announcedPort?: number;
  readonly isOfOtherNetwork?: boolean;
  readonly runtime: Runtime;
}

/** The link is full at this many bytes under way: two chunks keep it busy, and a ping waits for no more. */
const highWaterBytes = 128 * 1024;

/**
 * The cost of a write beside its bytes. Otherwise the memory of tiny writes could exceed the high-water mark many
 * times.
 */
const writeCostBytes = 2 * 1024;

/** A link over a socket or another two-way stream of Node.js, whose other side has been authenticated. */
export class PipeLink implements Link {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security: Security;
  readonly startedAt: number;
  readonly limitsByAddress: boolean;
  readonly announcedPort: number | undefined;
  readonly isOfOtherNetwork: boolean;
  readonly closed: Promise<Error | undefined>;
  readTarget: (() => Uint8Array | undefined) | undefined;

  readonly #pipe: Duplex;
  readonly #runtime: Runtime;
  #onMessage: ((bytes: Uint8Array) => void) | undefined;
  #isDestroyedHere = false;
  #reader: FairReader | undefined;
  readonly #drained = new Waiters();
  #writesUnderWay = 0;

  constructor(pipe: Duplex, details: PipeLinkDetails) {
    this.remoteId = details.remoteId;
    this.remoteAddress = details.remoteAddress;
    this.security = details.security;
    this.startedAt = details.startedAt;
    this.limitsByAddress = details.limitsByAddress ?? true;
    this.announcedPort = details.announcedPort;
    this.isOfOtherNetwork = details.isOfOtherNetwork ?? false;
    this.#pipe = pipe;
    this.#runtime = details.runtime;
    // The pipe may have failed before this link was created.
    this.closed = new Promise((resolve) => {
      // Deno reports a write that was under way when this side destroyed the pipe as an error of the pipe.
      const settle = (): void => resolve(this.#isDestroyedHere ? undefined : (pipe.errored ?? undefined));
      const end = (): void => {
        if (this.#reader === undefined) settle();
        else this.#reader.whenEmpty(settle);
      };
      if (pipe.closed) end();
      else pipe.once('close', end);
    });
    pipe.once('close', () => this.#drained.wake());
  }

  get onMessage(): (bytes: Uint8Array) => void {
    return this.#onMessage ?? ignore;
  }

  /** Setting it for the first time starts reading. */
  set onMessage(onMessage: (bytes: Uint8Array) => void) {
    const isFirst = this.#onMessage === undefined;
    this.#onMessage = onMessage;
    if (isFirst) this.#startReading();
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    const pipe = this.#pipe;
    if (!pipe.writable) return true;
    let told = sent;
    this.#writesUnderWay += 1;
    pipe.write(bytes, (error) => {
      this.#writesUnderWay -= 1;
      // Versions of Node.js differ in what they report about a write that was abandoned when the pipe was destroyed.
      if ((error === undefined || error === null) && !pipe.destroyed) told?.();
      if (this.#underWayBytes <= highWaterBytes / 2) this.#drained.wake();
    });
    // After a write that failed immediately, nothing waits either.
    if (pipe.writableLength === 0 && pipe.errored === null) {
      // The system has copied the bytes. Node.js would call back only after all promises for which a sender in a loop
      // waits.
      told?.();
      told = undefined;
      return true;
    }
    return this.#underWayBytes < highWaterBytes;
  }

  drained(): Promise<void> {
    if (this.#pipe.destroyed || this.#underWayBytes < highWaterBytes) return Promise.resolve();
    return this.#drained.wait();
  }

  pause(): void {
    this.#reader?.pause();
  }

  resume(): void {
    this.#reader?.resume();
  }

  close(timeoutMs: number): void {
    if (this.#pipe.destroyed) return;
    this.dropArrivals();
    this.#pipe.end();
    const timer = this.#runtime.setTimeout(() => this.#pipe.destroy(), timeoutMs);
    void this.closed.then(() => timer.cancel());
  }

  destroy(): void {
    this.#detach();
    this.#isDestroyedHere ||= !this.#pipe.destroyed;
    this.#pipe.destroy();
  }

  /**
   * Reads and drops everything that arrives from now on. Unread bytes would make the system reset the connection, and
   * the other side would lose the last bytes sent to it.
   */
  dropArrivals(): void {
    if (this.#onMessage === undefined) this.onMessage = ignore;
    this.#detach();
  }

  /** Stops calling the listener and asking for a target, because their owner may be gone. */
  #detach(): void {
    this.#onMessage = ignore;
    this.readTarget = undefined;
    this.#reader?.drop();
  }

  get #underWayBytes(): number {
    const { writableLength } = this.#pipe;
    return writableLength === 0 ? 0 : writableLength + this.#writesUnderWay * writeCostBytes;
  }

  #startReading(): void {
    this.#reader = new FairReader(this.#pipe, {
      runtime: this.#runtime,
      deliver: (bytes) => this.#onMessage!(bytes),
      target: () => this.readTarget?.(),
    });
  }
}

function ignore(): void {}
