import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Link } from '../transport/transport.ts';

/** Packets that wait for the link, bounded like the queues of other connections. */
export class PacketQueue {
  /** Called with the bytes that are newly kept. */
  onGrowth: (bytes: number) => void = () => {};

  /** Bytes that the link has taken. */
  sentBytes = 0;

  readonly #link: Link;
  readonly #limits: Limits;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #linkFull = false;
  #closed = false;
  #waiters: (() => void)[] = [];

  constructor(link: Link, limits: Limits) {
    this.#link = link;
    this.#limits = limits;
  }

  get heldBytes(): number {
    return this.#waitingBytes;
  }

  /** @throws PeerloomError `ERR_QUEUE_FULL`; nothing of the packet was taken then. */
  send(packet: Uint8Array): boolean {
    const queued = this.#waitingBytes + packet.length;
    const { queueMaxBytes, queueHighWaterBytes } = this.#limits;
    if (queued > queueMaxBytes && this.#waitingBytes > 0) {
      throw new PeerloomError(
        'ERR_QUEUE_FULL',
        `${this.#waitingBytes} bytes wait to be sent, and ${packet.length} more would exceed ${queueMaxBytes} (limits.queueMaxBytes): await drained() when send() returns false`,
      );
    }
    this.#waiting.push(packet);
    this.#waitingBytes = queued;
    this.#pump();
    if (this.#waitingBytes > 0) this.onGrowth(packet.length);
    return this.#waitingBytes < queueHighWaterBytes;
  }

  /** Resolves below half the high-water mark, or when the connection closes. */
  drained(): Promise<void> {
    if (this.#hasRoom()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Gives the link everything that waits, even if it is full, because it is about to be closed. */
  release(): void {
    for (const packet of this.#waiting) this.#sendNow(packet);
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wake();
  }

  #pump(): void {
    let sent = 0;
    while (!this.#linkFull && sent < this.#waiting.length) {
      const packet = this.#waiting[sent++]!;
      this.#waitingBytes -= packet.length;
      if (!this.#sendNow(packet)) this.#waitForLink();
    }
    this.#waiting.splice(0, sent);
    this.#wake();
  }

  /** @returns whether the link takes more. */
  #sendNow(packet: Uint8Array): boolean {
    this.sentBytes += packet.length;
    return this.#link.send(packet);
  }

  #waitForLink(): void {
    this.#linkFull = true;
    void this.#link.drained().then(() => {
      this.#linkFull = false;
      if (!this.#closed) this.#pump();
    });
  }

  #hasRoom(): boolean {
    return this.#closed || this.#waitingBytes <= this.#limits.queueHighWaterBytes / 2;
  }

  #wake(): void {
    if (this.#hasRoom()) for (const wake of this.#waiters.splice(0)) wake();
  }
}
