import type { Runtime } from '../../base/runtime.ts';
import type { ChannelHandler } from '../channel.ts';
import { lostReason } from '../ending.ts';
import type { Inbox } from '../receive/inbox.ts';

/** The conversation whose session it is. */
export interface SuspensionHost {
  readonly runtime: Runtime;
  readonly incoming: Pick<Inbox, 'idle'>;
  /** The connection is open, and no link carries it. */
  readonly isSuspended: boolean;
  /** The user, as soon as there is one. */
  readonly handler: ChannelHandler | undefined;
}

/** The breaks of a session, as the user of its channel is told of them. */
export class Suspension {
  readonly #host: SuspensionHost;
  #beganAtMs = 0;
  #isReported = false;

  constructor(host: SuspensionHost) {
    this.#host = host;
  }

  /** What arrived before the break is handled before the user is told of it. */
  begin(error: Error | undefined): void {
    const host = this.#host;
    this.#beganAtMs = host.runtime.now();
    host.handler?.unlinked();
    void host.incoming.idle().then(() => {
      if (!host.isSuspended || this.#isReported) return;
      this.#isReported = true;
      host.handler?.suspended(lostReason(error));
    });
  }

  end(): void {
    if (!this.#isReported) return;
    this.#isReported = false;
    this.#host.handler?.resumed();
  }

  /** When the last break began. */
  get beganAtMs(): number {
    return this.#beganAtMs;
  }
}
