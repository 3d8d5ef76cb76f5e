import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { FrameKind, positionBody, smallFrame } from '../../wire/frames/frame.ts';
import type { SessionSender } from './session-sender.ts';

/** So many bytes from the other side are acknowledged at once; fewer are acknowledged after a while. */
const owedMaxBytes = 256 * 1024;
const delayMs = 50;

/** What a session has taken in; `wholeBytes` of it are frames and messages that are there whole. */
export interface Taken {
  readonly readBytes: number;
  readonly wholeBytes: number;
}

/** Tells the other side of a session what has arrived. Each acknowledgement says all that those before it said. */
export class Acknowledgements {
  readonly #runtime: Runtime;
  readonly #sender: SessionSender;
  readonly #taken: () => Taken;
  /** Bytes taken in that are yet to be acknowledged. */
  #owedBytes = 0;
  #saidPosition = 0;
  #timer: RuntimeTimer | undefined;
  #hasEnded = false;

  constructor(runtime: Runtime, sender: SessionSender, taken: () => Taken) {
    this.#runtime = runtime;
    this.#sender = sender;
    this.#taken = taken;
  }

  /** Bytes have arrived. */
  count(bytes: number): void {
    this.#owedBytes += bytes;
  }

  /** Some of those that arrived are not acknowledged: they belong to a frame that tells of links. */
  discount(bytes: number): void {
    this.#owedBytes -= bytes;
  }

  /** What was counted has been read. */
  sayWhenDue(): void {
    if (!this.sayIfMuch() && this.#owedBytes > 0) this.#sayLater();
  }

  /** @returns whether so much is owed that it must not wait. */
  sayIfMuch(): boolean {
    if (this.#owedBytes < owedMaxBytes) return false;
    this.#say();
    return true;
  }

  /** On another link: the last one may be lost, and nothing may follow that would bring another. */
  sayAgain(): void {
    this.#saidPosition = 0;
    this.#say();
  }

  end(): void {
    this.#hasEnded = true;
    this.#timer?.cancel();
  }

  #sayLater(): void {
    this.#timer ??= this.#runtime.setTimeout(() => {
      this.#timer = undefined;
      if (this.#owedBytes > 0) this.#say();
    }, delayMs);
  }

  #say(): void {
    if (this.#hasEnded || !this.#sender.hasLink) return;
    if (!this.#sender.maySayBeside) {
      this.#sayLater();
      return;
    }
    const { readBytes, wholeBytes } = this.#taken();
    this.#owedBytes = readBytes - wholeBytes;
    if (wholeBytes === this.#saidPosition) return;
    this.#saidPosition = wholeBytes;
    this.#sender.sayBeside(smallFrame(FrameKind.acknowledge, positionBody(wholeBytes)));
  }
}
