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

/** The largest window of a yamux stream. */
export const maxWindowBytes = 4 * 1024 * 1024;

/**
 * How many unread bytes a stream may hold before libp2p aborts it: a full window, and what arrives before the other
 * side notices that this side has paused.
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
  /** How many bytes may be sent before another link must replace this one. */
  readonly allowance?: number | undefined;
  readonly improve?: Link['improve'];
}

/**
 * A link over one stream of a libp2p connection. It behaves differently from libp2p's streams in four ways:
 *
 * - A stream forgets a `pause()` that is called while its `resume()` delivers held data. It then lets the other side
 *   continue to send, and aborts. So the link holds pieces itself while it is paused, and pauses the stream only when
 *   the stream is not delivering held data.
 * - After its first drain, a stream's `onDrain()` always resolves immediately, so the link listens to the event.
 * - A stream that one side has ended stays open until the other side ends it too. A link ends as a whole.
 * - If its connection breaks, a stream ends without an error. A link that ends without the remote FIN was cut off.
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
  /** Whether the stream is delivering held data, so that a pause must wait. */
  #isResuming = false;
  /** Whether the other side has ended its half. */
  #hasFin = false;
  /** Whether the stream has delivered everything. */
  #isReadToEnd = false;
  /** Whether the stream has closed without an error. */
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
    // Switches off libp2p's timer for silent streams, because the channel has its own.
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

  /** Incoming data is held until a callback is set for the first time. */
  set onMessage(onMessage: (bytes: Uint8Array) => void) {
    this.#arrivals.listener = onMessage;
    this.#deliverHeld();
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    if (this.#state !== 'open' || this.#stream.writeStatus !== 'writable') return true;
    try {
      // Copied, because libp2p keeps pieces by reference: in the stream, in TLS, and in full connections.
      this.#stream.send(bytes.slice());
    } catch {
      // The stream has aborted, and reports it by its event.
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
      // The stream sends waiting data in its own microtask, and may be full again afterwards.
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

  /** Delivers the pieces held here, then those held by the stream. Each of them may cause another pause. */
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

  /** Drops everything that arrives from now on. The other side may continue to send, so that it can end. */
  #drop(): void {
    this.#arrivals.drop();
    if (this.#stream.readStatus === 'paused' && !this.#isResuming) this.#stream.resume();
  }

  /** Ends this side's half of the stream, after all accepted data has been sent. */
  #endOwnHalf(): void {
    if (this.#stream.writeStatus !== 'writable') return;
    // It rejects if the stream closes meanwhile, which the stream's event reports.
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

  /** Ends the link once the other side has ended and all earlier data has been delivered. */
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

/** With this signal, `close` of a stream has no time limit. The link has its own. */
const never = new AbortController().signal;

function cutOff(cause: Error | undefined): PeerloomError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
  return new PeerloomError('ERR_CONNECTION_CLOSED', `the connection of libp2p was cut off${why}`, { cause });
}

function ignore(): void {}
