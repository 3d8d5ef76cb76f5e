import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { LinkPause, type Pausable } from '../send/link-pause.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import type { Decoded, PayloadReader, PayloadUser } from './payload-reader.ts';

export interface AnswersHost {
  /** Paused while too many answers wait. They wait for no handler, so reading resumes soon. */
  readonly link: Pausable;
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly payloads: PayloadReader;
  /** Somebody still waits for it. */
  isAwaited(answer: Frame): boolean;
  /** Hands on an answer. `decoded` is `undefined` if it could not be decoded. */
  onAnswer(answer: Frame, decoded: Decoded | undefined): void;
  /** Reading an answer failed, but not because of its content. */
  onFailure(error: unknown): void;
}

/**
 * Reads answers that have to be decompressed, or take long to decode: one at a time, and in turn with other such work.
 * They do not wait for messages, because a message handler may wait for them.
 */
export class SlowAnswers implements InboxOwner, PayloadUser {
  readonly runtime: Runtime;
  readonly inbox: Inbox;
  readonly #host: AnswersHost;
  readonly #pause: LinkPause;

  constructor(host: AnswersHost) {
    this.#host = host;
    this.runtime = host.runtime;
    this.#pause = new LinkPause(host.link, host.limits.unhandledMaxBytes);
    this.inbox = new Inbox(this);
    this.inbox.open(undefined);
  }

  /** Whether reading is paused because too much waits. */
  get isPaused(): boolean {
    return this.#pause.isPaused;
  }

  /** Drops the answers that have arrived. */
  clear(): void {
    this.inbox.clear();
    this.#host.payloads.cancel(this);
  }

  isWanted(frame: Frame): boolean {
    return this.#host.isAwaited(frame);
  }

  receive(frame: Frame, decoded: Decoded | undefined): undefined {
    this.#host.onAnswer(frame, decoded);
  }

  handle(frame: Frame): undefined | Promise<unknown> {
    return this.#host.payloads.read(this, frame);
  }

  onFailure(error: unknown): void {
    this.#host.onFailure(error);
  }

  onWaiting(bytes: number): void {
    this.#pause.update(bytes);
  }
}
