import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { FrameKind, positionBody, smallFrame } from '../../wire/frames/frame.ts';
import type { SessionSender } from './session-sender.ts';

/** This many received bytes are acknowledged immediately. Fewer are acknowledged after {@link delayMs}. */
const owedMaxBytes = 256 * 1024;
const delayMs = 50;

/** How much a session has received. `wholeBytes` counts only complete frames and messages. */
export interface Taken {
  readonly readBytes: number;
  readonly wholeBytes: number;
}

/** Sends the acknowledgements of a session. They are cumulative: each one replaces all earlier ones. */
export class Acknowledgements {
  readonly #runtime: Runtime;
  readonly #sender: SessionSender;
  readonly #taken: () => Taken;
  /** Received bytes that are not acknowledged yet. */
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

  /** Excludes a received frame from what is acknowledged: acknowledgements themselves, and frames about moves. */
  discount(bytes: number): void {
    this.#owedBytes -= bytes;
  }

  /** Call it after the counted bytes were read. Acknowledges now if much is owed, otherwise after a delay. */
  sayWhenDue(): void {
    if (!this.sayIfMuch() && this.#owedBytes > 0) this.#sayLater();
  }

  /** Acknowledges now if much is owed. @returns whether that was so. */
  sayIfMuch(): boolean {
    if (this.#owedBytes < owedMaxBytes) return false;
    this.#say();
    return true;
  }

  /**
   * Acknowledges over a new link. The last acknowledgement may be lost, and perhaps no data follows that causes
   * another.
   */
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
