import type { Goodbye } from '../wire/frames/goodbye.ts';
import type { CloseReason } from './channel.ts';
import type { Inbox } from './receive/inbox.ts';

/** A link that ended by itself. */
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

  /** Once it has begun. */
  get reason(): CloseReason {
    return this.#reason!;
  }

  /** This side chose to leave: nothing more is handled. */
  get isByChoice(): boolean {
    return this.#isByChoice;
  }

  /**
   * This side says goodbye.
   *
   * @returns whether it chose to. Nobody chose that a newer connection takes the place of this one, or that another
   * process uses the same identity.
   */
  choose({ code }: Goodbye): boolean {
    this.#isByChoice ||= code !== 'replaced' && code !== 'conflict';
    return this.#isByChoice;
  }

  /** The report waits for no handler, since memory is kept until it is made. */
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
   * What arrived before the end is still handled before the report. Where this side chose to leave the report comes at
   * once, since a handler may be waiting for it, and so does an urgent one.
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
