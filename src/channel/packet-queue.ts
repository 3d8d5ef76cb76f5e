import { PeerloomError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Link } from '../transport/transport.ts';

/** Packets on their way to a link that may be slow; bounded like those of other connections. */
export class PacketQueue {
  readonly #link: Link;
  readonly #limits: Limits;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #linkFull = false;
  #closed = false;
  #waiters: { readonly isMet: () => boolean; readonly wake: () => void }[] = [];

  constructor(link: Link, limits: Limits) {
    this.#link = link;
    this.#limits = limits;
  }

  /** @throws PeerloomError `ERR_QUEUE_FULL`; nothing of the packet was taken then. */
  send(packet: Uint8Array): boolean {
    const queued = this.#waitingBytes + packet.length;
    const { queueMaxBytes, queueHighWaterBytes } = this.#limits;
    if (queued > queueMaxBytes && this.#waitingBytes > 0) {
      throw new PeerloomError(
        'ERR_QUEUE_FULL',
        `${this.#waitingBytes} bytes wait to be sent, ${packet.length} more would pass the cap of ${queueMaxBytes} (limits.queueMaxBytes): wait for drained() when send() answers false`,
      );
    }
    this.#waiting.push(packet);
    this.#waitingBytes = queued;
    this.#pump();
    return this.#waitingBytes < queueHighWaterBytes;
  }

  /** Resolves below half the high-water mark, or when the connection closes. */
  drained(): Promise<void> {
    return this.#until(() => this.#waitingBytes <= this.#limits.queueHighWaterBytes / 2);
  }

  /** Resolves when the link has taken everything, or the connection closes. */
  flushed(): Promise<void> {
    return this.#until(() => this.#waiting.length === 0);
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wake();
  }

  #until(isMet: () => boolean): Promise<void> {
    if (this.#closed || isMet()) return Promise.resolve();
    return new Promise((wake) => this.#waiters.push({ isMet, wake }));
  }

  #pump(): void {
    let sent = 0;
    while (!this.#linkFull && sent < this.#waiting.length) {
      const packet = this.#waiting[sent++]!;
      this.#waitingBytes -= packet.length;
      if (!this.#link.send(packet)) this.#waitForLink();
    }
    this.#waiting.splice(0, sent);
    this.#wake();
  }

  #waitForLink(): void {
    this.#linkFull = true;
    void this.#link.drained().then(() => {
      this.#linkFull = false;
      if (!this.#closed) this.#pump();
    });
  }

  #wake(): void {
    const met = this.#waiters.filter(({ isMet }) => this.#closed || isMet());
    if (met.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !met.includes(waiter));
    for (const { wake } of met) wake();
  }
}
