import type { DecompressionTurns, Outcome } from '../../base/decompression-turns.ts';
import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { LinkPause, type Pausable } from '../send/link-pause.ts';
import { decompressionOf } from './frame-payload.ts';
import { Inbox } from './inbox.ts';

export interface CompressedAnswersOptions {
  /** Paused while too many wait: that is bounded by what was asked, and they wait for no handler. */
  readonly link: Pausable;
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly turns: DecompressionTurns;
  /** Somebody still waits for it. */
  readonly isAwaited: (answer: Frame) => boolean;
  readonly onAnswer: (answer: Frame, payload: Outcome) => void;
  /** Reading an answer failed, but not because of what it holds. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Answers that have to be decompressed: one at a time, in turn with everything else that must be. They wait for no
 * message, since a handler may wait for them.
 */
export class CompressedAnswers {
  readonly inbox: Inbox;
  readonly #options: CompressedAnswersOptions;
  readonly #pause: LinkPause;

  constructor(options: CompressedAnswersOptions) {
    this.#options = options;
    const { link, limits, runtime, onFailure } = options;
    this.#pause = new LinkPause(link, limits.unhandledMaxBytes);
    this.inbox = new Inbox({
      runtime,
      handle: (frame) => this.#handle(frame),
      onFailure,
      onWaiting: (bytes) => this.#pause.update(bytes),
    });
    this.inbox.open(undefined);
  }

  /** Reading is paused because too much waits. */
  get isPaused(): boolean {
    return this.#pause.isPaused;
  }

  /** What has arrived is dropped. */
  clear(): void {
    this.inbox.clear();
    this.#options.turns.leave(this);
  }

  #handle(frame: Frame): undefined | Promise<unknown> {
    const { turns, limits, isAwaited, onAnswer } = this.#options;
    if (!isAwaited(frame)) return undefined;
    return this.inbox.heldWhile(frame.body.length, () =>
      turns.take(this, decompressionOf(frame, limits.maxMessageBytes), (payload): undefined => {
        onAnswer(frame, payload);
      }),
    );
  }
}
