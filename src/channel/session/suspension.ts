import type { Runtime } from '../../base/runtime.ts';
import type { ChannelHandler } from '../channel.ts';
import { lostReason } from '../ending.ts';
import type { Inbox } from '../receive/inbox.ts';

export interface SuspensionOptions {
  readonly runtime: Runtime;
  readonly incoming: Pick<Inbox, 'idle'>;
  /** The connection is open, and no link carries it. */
  readonly isSuspended: () => boolean;
  /** The user, as soon as there is one. */
  readonly handler: () => ChannelHandler | undefined;
}

/** The breaks of a session, as the user of its channel is told of them. */
export class Suspension {
  readonly #options: SuspensionOptions;
  #beganAtMs = 0;
  #isReported = false;

  constructor(options: SuspensionOptions) {
    this.#options = options;
  }

  /** What arrived before the break is handled before the user is told of it. */
  begin(error: Error | undefined): void {
    const { runtime, incoming, isSuspended, handler } = this.#options;
    this.#beganAtMs = runtime.now();
    handler()?.unlinked();
    void incoming.idle().then(() => {
      if (!isSuspended() || this.#isReported) return;
      this.#isReported = true;
      handler()?.suspended(lostReason(error));
    });
  }

  end(): void {
    if (!this.#isReported) return;
    this.#isReported = false;
    this.#options.handler()?.resumed();
  }

  /** When the last break began. */
  get beganAtMs(): number {
    return this.#beganAtMs;
  }
}
