import type { Address } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { Waiters } from '../base/waiters.ts';
import type { LimitsByAddress } from '../transport/address-limits.ts';
import { Arrivals } from '../transport/arrivals.ts';
import type { LinkPath } from '../transport/link-path.ts';
import type { Security } from '../transport/security.ts';
import type { Link } from '../transport/transport.ts';
import {
  creditRecord,
  dataRecord,
  endRecord,
  maxDataBytes,
  RecordReader,
  windowBytes,
} from './credit-records.ts';

/** How many bytes a side reads before it gives credit back. */
const creditStepBytes = windowBytes / 4;

/** Pieces below this size are small, in bytes. Small pieces are combined up to this size. */
const smallBytes = 1_024;
const joinedBytes = 16 * 1024;

/** How long the underlying link may take to close after both sides have ended, in milliseconds. */
const closingMs = 1_000;

/** Data that `send` accepted and that is not sent yet. */
interface Waiting {
  readonly bytes: Uint8Array;
  sent: number;
  readonly done: (() => void) | undefined;
}

/**
 * A link over another link without backpressure, such as WebRTC. Each side sends only the number of bytes for which the
 * other side has given credit (credit-records.ts). The end is a record too, because WebRTC does not distinguish an end
 * from a break.
 *
 *    open ──(close)──► ending ──(all is sent: end record)──► closing ──(the link below has closed)──► closed
 *    open ──(end record of the other side, and all was delivered)──► closing
 */
export class CreditLink implements Link {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security: Security;
  readonly limitsByAddress: LimitsByAddress;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;

  readonly #inner: Link;
  readonly #runtime: Runtime;
  readonly #drained = new Waiters();
  #state: 'open' | 'ending' | 'closing' | 'closed' = 'open';
  #settle!: (error: Error | undefined) => void;
  #timer: RuntimeTimer | undefined;
  #failure: Error | undefined;
  #innerEnd: { readonly error: Error | undefined } | undefined;

  #waiting: Waiting[] = [];
  #credit = windowBytes;

  readonly #arrivals = new Arrivals<Uint8Array>({
    bytesOf: (bytes) => bytes,
    hold: (held, bytes) => this.#hold(held, bytes),
    done: (bytes) => this.#giveBack(bytes.length),
    failed: (error) => this.#abandon(error),
  });
  /** The memory of the last held piece, if small pieces are combined in it. */
  #tail: ArrayBuffer | undefined;
  #hasOtherEnded = false;
  /**
   * The number of bytes that the other side may still send. `#owed` bytes are read, but not yet given back as credit.
   */
  #granted = windowBytes;
  #owed = 0;

  constructor(inner: Link, runtime: Runtime) {
    this.#inner = inner;
    this.#runtime = runtime;
    this.remoteId = inner.remoteId;
    this.remoteAddress = inner.remoteAddress;
    this.security = inner.security;
    this.limitsByAddress = inner.limitsByAddress ?? true;
    this.startedAt = inner.startedAt;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const reader = new RecordReader({
      data: (bytes) => this.#take(bytes),
      credit: (amount) => this.#onCredit(amount),
      end: () => this.#onEnd(),
    });
    inner.onMessage = (bytes) => reader.push(bytes);
    void inner.closed.then((error) => {
      this.#innerEnd = { error };
      this.#waiting = [];
      this.#drained.wake();
      this.#settleIfOver();
    });
  }

  get improve(): Link['improve'] {
    return this.#inner.improve;
  }

  get path(): LinkPath | undefined {
    return this.#inner.path;
  }

  get onMessage(): (bytes: Uint8Array) => void {
    return this.#arrivals.listener;
  }

  /** Incoming data is held until a callback is set for the first time. */
  set onMessage(onMessage: (bytes: Uint8Array) => void) {
    this.#arrivals.listener = onMessage;
    this.#deliverHeld();
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    if (this.#state !== 'open' || this.#innerEnd !== undefined) return true;
    if (bytes.length === 0) sent?.();
    else this.#waiting.push({ bytes, sent: 0, done: sent });
    this.#flush();
    return this.#waiting.length === 0;
  }

  drained(): Promise<void> {
    const isOver = this.#state === 'closing' || this.#state === 'closed' || this.#innerEnd !== undefined;
    return isOver || this.#waiting.length === 0 ? Promise.resolve() : this.#drained.wait();
  }

  pause(): void {
    this.#arrivals.pause();
  }

  resume(): void {
    this.#arrivals.resume();
    this.#deliverHeld();
  }

  close(timeoutMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#timer = this.#runtime.setTimeout(() => this.destroy(), timeoutMs);
    this.#arrivals.drop();
    this.#flush();
    if (this.#hasOtherEnded) this.#finish();
  }

  destroy(): void {
    this.#abandon(undefined);
  }

  /** Sends waiting data within the credit. The underlying link copies it. */
  #flush(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const length = Math.min(first.bytes.length - first.sent, this.#credit, maxDataBytes);
      if (length === 0) return;
      this.#credit -= length;
      this.#inner.send(dataRecord(first.bytes.subarray(first.sent, first.sent + length)));
      first.sent += length;
      if (first.sent < first.bytes.length) continue;
      this.#waiting.shift();
      first.done?.();
    }
    if (this.#state === 'ending') this.#finish();
  }

  /** Everything is sent. Sends the end record, and closes the underlying link. */
  #finish(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#waiting = [];
    this.#inner.send(endRecord());
    this.#inner.close(closingMs);
    this.#drained.wake();
  }

  #take(bytes: Uint8Array): void {
    this.#granted -= bytes.length;
    if (this.#granted < 0) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side sent more than its credit allows');
    }
    this.#arrivals.take(bytes);
  }

  /** Holds a piece. Small pieces are combined, because each one alone would cost much more memory than its bytes. */
  #hold(held: Uint8Array[], bytes: Uint8Array): void {
    const last = held.at(-1);
    const tail = this.#tail;
    if (tail !== undefined && last?.buffer === tail && last.length + bytes.length <= tail.byteLength) {
      new Uint8Array(tail).set(bytes, last.length);
      held[held.length - 1] = new Uint8Array(tail, 0, last.length + bytes.length);
    } else if (bytes.length < smallBytes) {
      this.#tail = new ArrayBuffer(joinedBytes);
      const piece = new Uint8Array(this.#tail, 0, bytes.length);
      piece.set(bytes);
      held.push(piece);
    } else {
      held.push(bytes);
    }
  }

  #onCredit(amount: number): void {
    this.#credit += amount;
    if (this.#credit > windowBytes) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side gave more credit than it received');
    }
    this.#flush();
    if (this.#waiting.length === 0) this.#drained.wake();
  }

  #onEnd(): void {
    this.#hasOtherEnded = true;
    this.#deliverHeld();
  }

  #deliverHeld(): void {
    this.#arrivals.handOut();
    if (!this.#arrivals.isEmpty) return;
    if (this.#hasOtherEnded) this.#finish();
    this.#settleIfOver();
  }

  #giveBack(length: number): void {
    this.#owed += length;
    if (this.#owed < creditStepBytes || this.#state === 'closing' || this.#state === 'closed') return;
    this.#granted += this.#owed;
    this.#inner.send(creditRecord(this.#owed));
    this.#owed = 0;
  }

  #abandon(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#failure ??= error;
    this.#waiting = [];
    this.#state = 'closing';
    this.#arrivals.drop();
    this.#inner.destroy();
    this.#drained.wake();
    this.#settleIfOver();
  }

  /** Ends the link if it is over. Data that the other side sent before its end is delivered first. */
  #settleIfOver(): void {
    if (this.#innerEnd === undefined || !this.#arrivals.isEmpty || this.#state === 'closed') return;
    const isInOrder = this.#hasOtherEnded || this.#state !== 'open';
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#settle(this.#failure ?? (isInOrder ? undefined : (this.#innerEnd.error ?? cutOff())));
  }
}

function cutOff(): PeerloomError {
  return new PeerloomError('ERR_CONNECTION_CLOSED', 'the connection of libp2p was cut off');
}
