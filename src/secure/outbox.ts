import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { Waiters } from '../base/waiters.ts';
import type { Channel } from '../channel/channel.ts';
import { type Envelope, PendingEnvelope } from './envelope.ts';

export interface OutboxOptions {
  readonly channel: Pick<Channel, 'drained'>;
  readonly limits: Pick<Limits, 'queueHighWaterBytes' | 'queueMaxBytes'>;
  /** Called with the size of each envelope that begins to wait. */
  readonly onGrowth: (bytes: number) => void;
}

/** What to do with an envelope. Exactly one of the two functions is called, unless `send` throws. */
export interface Dispatch {
  /** Sends the envelope. Returns false if the channel is above its high-water mark. May throw. */
  readonly send: (envelope: Envelope) => boolean;
  /** Called if the envelope cannot be signed, or if `send` threw. */
  readonly failed: (error: Error) => void;
}

interface Entry extends Dispatch {
  readonly bytes: number;
  /** `undefined` until the envelope is signed. */
  outcome: { readonly envelope: Envelope } | { readonly error: Error } | undefined;
  /** Whether the channel's queue was full when the envelope was first sent. */
  isRetried: boolean;
}

/**
 * The envelopes of one connection that wait for signatures. They are sent in the order in which they were added,
 * whatever the order of the signatures, and only while the channel has room.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #drained = new Waiters();
  readonly #flushed = new Waiters();
  /** The envelopes that wait, in the order in which they were added. */
  readonly #entries = new Set<Entry>();
  #bytes = 0;
  /** Whether the channel is above its high-water mark. */
  #isPaused = false;
  #isSending = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  /** Whether even an envelope that is already signed has to wait. */
  get isWaiting(): boolean {
    return this.#entries.size > 0;
  }

  /**
   * Adds an envelope.
   *
   * @returns false if the queue is above the high-water mark.
   * @throws PeerloomError `ERR_QUEUE_FULL`.
   */
  add(envelope: Envelope | PendingEnvelope, bytes: number, dispatch: Dispatch): boolean {
    const { queueHighWaterBytes, queueMaxBytes } = this.#options.limits;
    const waitingBytes = this.#bytes + bytes;
    if (waitingBytes > queueMaxBytes && this.#bytes > 0) throw queueFull(this.#bytes, bytes, queueMaxBytes);
    const entry: Entry = { ...dispatch, bytes, outcome: undefined, isRetried: false };
    this.#entries.add(entry);
    this.#bytes = waitingBytes;
    this.#options.onGrowth(bytes);
    if (envelope instanceof PendingEnvelope) {
      envelope.signed.then(
        (signed) => this.#settle(entry, { envelope: signed }),
        (error) => this.#settle(entry, { error }),
      );
    } else {
      entry.outcome = { envelope };
    }
    return waitingBytes < queueHighWaterBytes && !this.#isPaused;
  }

  /** Resolves when at most half the high-water mark waits, or when the outbox closes. */
  drained(): Promise<void> {
    return this.#isDrained ? Promise.resolve() : this.#drained.wait();
  }

  /** Resolves when nothing waits any more. */
  flushed(): Promise<void> {
    return this.isWaiting ? this.#flushed.wait() : Promise.resolve();
  }

  /** Call this when nothing can be sent any more. Everything that waits fails. */
  close(error: Error): void {
    const left = [...this.#entries];
    this.#entries.clear();
    this.#bytes = 0;
    for (const { failed } of left) failed(error);
    this.#wakeWaiters();
  }

  get #isDrained(): boolean {
    return this.#bytes <= this.#options.limits.queueHighWaterBytes / 2;
  }

  #settle(entry: Entry, outcome: Entry['outcome']): void {
    entry.outcome = outcome;
    this.#flush();
  }

  #flush(): void {
    // `send` may run code of the user, which may send again.
    if (this.#isSending) return;
    this.#isSending = true;
    for (const entry of this.#entries) {
      if (this.#isPaused || entry.outcome === undefined) break;
      this.#dispatch(entry, entry.outcome);
    }
    this.#isSending = false;
    this.#wakeWaiters();
  }

  #dispatch(entry: Entry, outcome: NonNullable<Entry['outcome']>): void {
    const { bytes, send, failed } = entry;
    try {
      if ('error' in outcome) failed(outcome.error);
      else if (!send(outcome.envelope)) this.#pause();
    } catch (error) {
      // Other frames may have filled the queue, so the envelope is tried once more. If the queue is full again, the
      // message is too large for the room that is left.
      if ((error as PeerloomError).code === 'ERR_QUEUE_FULL' && !entry.isRetried) {
        entry.isRetried = true;
        this.#pause();
        return;
      }
      failed(error as Error);
    }
    if (this.#entries.delete(entry)) this.#bytes -= bytes;
  }

  #pause(): void {
    this.#isPaused = true;
    void this.#options.channel.drained().then(() => {
      this.#isPaused = false;
      this.#flush();
    });
  }

  #wakeWaiters(): void {
    if (this.#drained.isAwaited && this.#isDrained) this.#drained.wake();
    if (!this.isWaiting) this.#flushed.wake();
  }
}

function queueFull(waitingBytes: number, bytes: number, maxBytes: number): PeerloomError {
  return new PeerloomError(
    'ERR_QUEUE_FULL',
    `${waitingBytes} bytes wait for signatures, and ${bytes} more would exceed ${maxBytes} (limits.queueMaxBytes): await drained() when send() returns false`,
  );
}
