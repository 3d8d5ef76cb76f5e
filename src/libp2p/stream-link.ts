import type { Stream } from '@libp2p/interface';
import type { Address } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { Waiters } from '../base/waiters.ts';
import type { LimitsByAddress } from '../transport/address-limits.ts';
import { Arrivals } from '../transport/arrivals.ts';
import type { LinkPath } from '../transport/link-path.ts';
import type { Link } from '../transport/transport.ts';

/** The window that a stream of yamux grows to. */
export const maxWindowBytes = 4 * 1024 * 1024;

/**
 * What a stream may hold unread before libp2p aborts it: a window in full, and what arrived before the other side saw
 * that this one has paused.
 */
const maxReadBufferBytes = 2 * maxWindowBytes + 1024 * 1024;

export interface StreamLinkDetails {
  readonly stream: Stream;
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly limitsByAddress: LimitsByAddress;
  readonly startedAt: number;
  readonly runtime: Runtime;
  readonly path: () => LinkPath;
  /** What may be sent before another link has to take its place, in bytes. */
  readonly allowance?: number | undefined;
  readonly improve?: Link['improve'];
}

/**
 * A link over one stream of a libp2p connection. What it says and what the stream of libp2p says differ in four ways:
 *
 * - A stream forgets a `pause()` that is called while its `resume()` hands out what it holds: it then lets the other side
 *   send on, and aborts. So the link holds pieces itself while it is paused, and pauses the stream only outside of that.
 * - `onDrain()` of a stream resolves at once after its first drain, so the link listens to the event.
 * - A stream of which one side has ended stays open until the other side ends it, too. A link ends as a whole.
 * - A stream ends without an error when its connection breaks. A link that ends without the other side's FIN was cut off.
 */
export class StreamLink implements Link {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security = { protocol: 'libp2p', encrypted: true, authenticated: true };
  readonly limitsByAddress: LimitsByAddress;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;
  readonly improve: Link['improve'];

  readonly #allowance: number | undefined;
  #sentBytes = 0;
  readonly #stream: Stream;
  readonly #runtime: Runtime;
  readonly #path: () => LinkPath;
  readonly #drained = new Waiters();
  #state: 'open' | 'ending' | 'closed' = 'open';
  #settle!: (error: Error | undefined) => void;
  #timer: RuntimeTimer | undefined;
  readonly #arrivals = new Arrivals<Uint8Array>({
    bytesOf: (piece) => piece,
    done: ignore,
    failed: (error) => this.#abandon(error),
  });
  /** The stream is handing out what it held: a pause must wait. */
  #isResuming = false;
  /** The other side has ended its half. */
  #hasFin = false;
  /** Nothing more comes out of the stream. */
  #isReadToEnd = false;
  /** The stream has closed without an error. */
  #hasStreamClosed = false;

  constructor(details: StreamLinkDetails) {
    const { stream, remoteId, remoteAddress, limitsByAddress, startedAt, runtime } = details;
    this.remoteId = remoteId;
    this.remoteAddress = remoteAddress;
    this.limitsByAddress = limitsByAddress;
    this.startedAt = startedAt;
    this.#stream = stream;
    this.#runtime = runtime;
    this.#path = details.path;
    this.#allowance = details.allowance;
    this.improve = details.improve;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    stream.maxReadBufferLength = maxReadBufferBytes;
    // The timer of libp2p for silent streams; the channel above has its own.
    stream.inactivityTimeout = Number.POSITIVE_INFINITY;
    this.#listen();
  }

  get path(): LinkPath {
    return this.#path();
  }

  get allowance(): number | undefined {
    return this.#allowance && Math.max(0, this.#allowance - this.#sentBytes);
  }

  get onMessage(): (bytes: Uint8Array) => void {
    return this.#arrivals.listener;
  }

  /** What arrives is held until the first of them. */
  set onMessage(onMessage: (bytes: Uint8Array) => void) {
    this.#arrivals.listener = onMessage;
    this.#deliverHeld();
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    if (this.#state !== 'open' || this.#stream.writeStatus !== 'writable') return true;
    try {
      // A copy, because libp2p keeps pieces by reference: in the stream, in TLS, and in connections that are full.
      this.#stream.send(bytes.slice());
    } catch {
      // The stream has aborted, and says so by its event.
      return true;
    }
    this.#sentBytes += bytes.length;
    sent?.();
    return this.#hasRoom;
  }

  drained(): Promise<void> {
    return this.#state === 'closed' || this.#hasRoom ? Promise.resolve() : this.#drained.wait();
  }

  pause(): void {
    this.#arrivals.pause();
    if (!this.#isResuming && this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  resume(): void {
    this.#arrivals.resume();
    this.#deliverHeld();
  }

  close(timeoutMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#timer = this.#runtime.setTimeout(() => this.destroy(), timeoutMs);
    this.#drop();
    this.#endOwnHalf();
    this.#finishIfOver();
  }

  destroy(): void {
    this.#abandon(undefined);
  }

  get #hasRoom(): boolean {
    const { writableNeedsDrain, writeStatus } = this.#stream;
    return !writableNeedsDrain || writeStatus !== 'writable';
  }

  #listen(): void {
    const stream = this.#stream;
    stream.addEventListener('message', ({ data }) => {
      if (data instanceof Uint8Array) this.#arrivals.take(data);
      else for (const piece of data) this.#arrivals.take(piece);
    });
    stream.addEventListener('drain', () => {
      // The stream sends what waits in a microtask of its own, and may be full again then.
      queueMicrotask(() => queueMicrotask(() => this.#wakeIfRoom()));
    });
    stream.addEventListener('remoteCloseWrite', () => {
      this.#hasFin = true;
    });
    stream.addEventListener('end', () => {
      this.#isReadToEnd = true;
      this.#finishIfOver();
    });
    stream.addEventListener('close', ({ error }) => this.#onStreamClosed(error));
    this.#hasFin = stream.remoteWriteStatus === 'closed';
    this.#isReadToEnd = stream.readableEnded;
    if (stream.status === 'closed' || stream.status === 'aborted' || stream.status === 'reset')
      this.#onStreamClosed(undefined);
  }

  #wakeIfRoom(): void {
    if (this.#hasRoom) this.#drained.wake();
  }

  /** Hands out what was held here, then what the stream holds; each of that may pause the link anew. */
  #deliverHeld(): void {
    if (this.#isResuming) return;
    this.#isResuming = true;
    try {
      this.#arrivals.handOut();
      if (this.#arrivals.isFlowing && this.#stream.readStatus === 'paused') {
        this.#stream.resume();
        this.#arrivals.handOut();
      }
    } finally {
      this.#isResuming = false;
    }
    if (this.#arrivals.isPaused) this.pause();
    this.#finishIfOver();
  }

  /** From now on what arrives is dropped, and the other side may send on, so that it can end. */
  #drop(): void {
    this.#arrivals.drop();
    if (this.#stream.readStatus === 'paused' && !this.#isResuming) this.#stream.resume();
  }

  /** Everything that was accepted goes out first. */
  #endOwnHalf(): void {
    if (this.#stream.writeStatus !== 'writable') return;
    // It rejects if the stream closes meanwhile, which its event tells.
    this.#stream.close({ signal: never }).catch(ignore);
  }

  #onStreamClosed(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#hasStreamClosed = true;
    this.#drained.wake();
    if (error === undefined) {
      this.#finishIfOver();
      return;
    }
    this.#conclude(this.#state === 'open' ? cutOff(error) : undefined);
  }

  /** After the end of the other side, and after all that came before it was handed out. */
  #finishIfOver(): void {
    if (this.#state === 'closed' || !this.#arrivals.isEmpty) return;
    if (this.#isReadToEnd) this.#endOwnHalf();
    if (!this.#hasStreamClosed || !(this.#isReadToEnd || this.#arrivals.isDropping)) return;
    this.#conclude(this.#hasFin || this.#state === 'ending' ? undefined : cutOff(undefined));
  }

  #abandon(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#conclude(error);
    this.#stream.abort(error ?? new Error('the link was destroyed'));
  }

  #conclude(error: Error | undefined): void {
    this.#state = 'closed';
    this.#arrivals.drop();
    this.#timer?.cancel();
    this.#drained.wake();
    this.#settle(error);
  }
}

/** `close` of a stream has no limit of time then: the link has its own. */
const never = new AbortController().signal;

function cutOff(cause: Error | undefined): PeerloomError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
  return new PeerloomError('ERR_CONNECTION_CLOSED', `the connection of libp2p was cut off${why}`, { cause });
}

function ignore(): void {}
