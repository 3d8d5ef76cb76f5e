import type { Link, Message } from './system.ts';

/** Requests and answers for systems that have none of their own: the other side echoes every message. */
export class EchoRequests {
  readonly #waiting = new Map<number, () => void>();
  #lastId = 0;

  /** Sends a copy of the message under a fresh id; resolves when it comes back. */
  request(link: Link, message: Uint8Array): Promise<void> {
    this.#lastId = (this.#lastId + 1) >>> 0;
    const id = this.#lastId;
    const numbered = Buffer.from(message);
    numbered.writeUInt32LE(id, 0);
    const answered = new Promise<void>((resolve) => this.#waiting.set(id, resolve));
    const sent = link.send(numbered);
    return typeof sent === 'boolean' ? answered : sent.then(() => answered);
  }

  /** Give this everything that arrives on the link. */
  onMessage(message: Message): void {
    const bytes = message as Uint8Array;
    const id = (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
    const resolve = this.#waiting.get(id);
    if (resolve === undefined) throw new Error(`an answer to a request that was not made: ${id}`);
    this.#waiting.delete(id);
    resolve();
  }
}
