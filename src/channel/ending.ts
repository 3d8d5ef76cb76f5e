import type { Goodbye } from '../wire/frames/goodbye.ts';
import type { CloseReason } from './channel.ts';
import type { Inbox } from './receive/inbox.ts';

/** The reason for a link that ended by itself. */
export function lostReason(error: Error | undefined): CloseReason {
  const message =
    error === undefined ? 'the link ended without a goodbye' : `the link broke: ${error.message}`;
  return { code: 'lost', message, by: 'link' };
}

/** The end of a channel: it closes for the first reason that is given, and reports it once. */
export class Ending {
  #state: 'open' | 'closing' | 'closed' = 'open';
  #reason: CloseReason | undefined;
  #isByChoice = false;
  #isUrgent = false;
  #isReported = false;

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Set once the end has begun. */
  get reason(): CloseReason {
    return this.#reason!;
  }

  /** Whether this side chose to leave. Nothing more is handled then. */
  get isByChoice(): boolean {
    return this.#isByChoice;
  }

  /**
   * This side says goodbye.
   *
   * @returns whether this side chose to leave. False if a newer connection replaces this one, or if another process
   * uses the same identity.
   */
  choose({ code }: Goodbye): boolean {
    this.#isByChoice ||= code !== 'replaced' && code !== 'conflict';
    return this.#isByChoice;
  }

  /** Makes the report without waiting for handlers, because memory is kept until then. */
  hurry(): void {
    this.#isUrgent = true;
  }

  begin(reason: CloseReason): void {
    if (this.#state === 'open') this.#state = 'closing';
    this.#reason ??= reason;
  }

  complete(reason: CloseReason): void {
    this.#state = 'closed';
    this.#reason ??= reason;
  }

  /**
   * Reports once everything that arrived before the end is handled. If this side chose to leave, it reports now,
   * since a handler may be waiting for the report. An urgent report does not wait either.
   */
  report(incoming: Pick<Inbox, 'idle'>, tell: () => void): void {
    const once = (): void => {
      if (this.#isReported) return;
      this.#isReported = true;
      tell();
    };
    if (this.#isByChoice || this.#isUrgent) once();
    else void incoming.idle().then(once);
  }
}
