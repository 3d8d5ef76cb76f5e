import { messageOf } from '../../base/arguments.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { FrameReader } from '../../wire/frames/frame-reader.ts';
import type { FrameSkimmer } from '../../wire/frames/frame-skimmer.ts';
import { type Goodbye, goodbye } from '../../wire/frames/goodbye.ts';
import type { ChannelHandler } from '../channel.ts';
import { lostReason } from '../ending.ts';
import type { Inbox } from '../receive/inbox.ts';
import type { SessionUser } from './session.ts';

/** The conversation that a session carries. */
export interface SuspensionHost {
  readonly runtime: Runtime;
  readonly reader: Pick<FrameReader, 'readBytes' | 'wholeBytes' | 'forgetUncounted' | 'skimmer'>;
  readonly incoming: Pick<Inbox, 'idle'>;
  readonly outgoing: { wake(): void };
  readonly liveness: { heard(now: number): void };
  readonly protocols: { unlinked(): void; relinked(theirBreaks: number): void } | undefined;
  readonly closing: { fail(farewell: Goodbye): void };
  /** Whether the connection is open but has no link. */
  readonly isSuspended: boolean;
  /** The user's handler, once there is one. */
  readonly handler: ChannelHandler | undefined;
}

/** Reports the events of a session to its conversation, and breaks to the user as well. */
export class Suspension implements SessionUser {
  /** The other side's count of breaks, which it sends when the session resumes. */
  theirBreaks = 0;
  readonly #host: SuspensionHost;
  #beganAtMs = 0;
  #isReported = false;

  constructor(host: SuspensionHost) {
    this.#host = host;
  }

  /** When the last break began. */
  get beganAtMs(): number {
    return this.#beganAtMs;
  }

  get readBytes(): number {
    return this.#host.reader.readBytes;
  }

  get wholeBytes(): number {
    return this.#host.reader.wholeBytes;
  }

  overflowed(): void {
    this.#host.closing.fail(goodbye('overload'));
  }

  acknowledged(): void {
    this.#host.outgoing.wake();
  }

  leftLink(): FrameSkimmer {
    const { reader } = this.#host;
    const skimmer = reader.skimmer();
    reader.forgetUncounted();
    return skimmer;
  }

  failed(error: unknown): void {
    this.#host.closing.fail(goodbye('protocol', messageOf(error)));
  }

  /** Reports the break to the user, once everything that arrived before it is handled. */
  suspended(error: Error | undefined): void {
    const host = this.#host;
    host.reader.forgetUncounted();
    host.protocols?.unlinked();
    this.#beganAtMs = host.runtime.now();
    host.handler?.unlinked();
    void host.incoming.idle().then(() => {
      if (!host.isSuspended || this.#isReported) return;
      this.#isReported = true;
      host.handler?.suspended(lostReason(error));
    });
  }

  resumed(): void {
    const { liveness, runtime, handler, protocols } = this.#host;
    liveness.heard(runtime.now());
    if (this.#isReported) {
      this.#isReported = false;
      handler?.resumed();
    }
    protocols?.relinked(this.theirBreaks);
  }
}
