import type { FrameChannel } from './channel/frame-channel.ts';
import type { Handshake } from './channel/handshake.ts';
import type { Session } from './channel/session.ts';
import { PeerloomError } from './errors.ts';
import { randomName } from './random-name.ts';
import type { Runtime } from './runtime.ts';
import type { HelloSession } from './wire/hello.ts';

type DurableChannel = FrameChannel & { readonly session: Session };

/** A session ended, or went on over another link, while the two sides agreed to go on with it. */
export class NotResumed extends PeerloomError {
  constructor(options?: ErrorOptions) {
    super('ERR_CONNECTION_CLOSED', 'the two sides lost their session while they went on with it', options);
  }
}

export interface DurableChannelsOptions {
  /** 0: without a limit. */
  readonly maxConnections: number;
  readonly runtime: Runtime;
}

/** The channels that outlive their links, one for each other node, and what is said of them in handshakes. */
export class DurableChannels {
  readonly #options: DurableChannelsOptions;
  readonly #channels = new Map<string, DurableChannel>();

  constructor(options: DurableChannelsOptions) {
    this.#options = options;
  }

  has(remoteId: string): boolean {
    return this.#channels.has(remoteId);
  }

  /** Whether the session that a node asks for is the one that is there. */
  isOf(remoteId: string, session: HelloSession | undefined): boolean {
    return session !== undefined && session.id === this.#channels.get(remoteId)?.session.id;
  }

  /** What the side that dials asks for: the session that is there, or a new one. */
  ask(remoteId: string, isDurable: boolean): HelloSession | undefined {
    const session = this.#channels.get(remoteId)?.session.freeze();
    if (session !== undefined) return { ...session, resumed: false };
    return isDurable ? this.#newSession() : undefined;
  }

  /** What the side that accepts says to that. */
  answer(remoteId: string, { id, receivedBytes }: HelloSession): HelloSession {
    const channel = this.#channels.get(remoteId);
    // A name of its own: the other side may hold on to the old one when it does not get to hear this.
    if (channel?.session.id !== id || !channel.session.canResumeAt(receivedBytes)) return this.#newSession();
    return { ...channel.session.freeze(), resumed: true };
  }

  /**
   * The channel that the two sides agreed to go on with, if it is one.
   *
   * @throws NotResumed; the link has ended then.
   */
  goOn(handshake: Handshake): FrameChannel | undefined {
    const { link, direction, ours, theirs } = handshake;
    const said = direction === 'inbound' ? ours.session : theirs.session;
    if (!said?.resumed) return undefined;
    const channel = this.#channels.get(link.remoteId);
    try {
      if (channel?.session.id !== said.id) throw new NotResumed();
      channel.resumeOver(handshake);
      return channel;
    } catch (cause) {
      link.destroy();
      throw cause instanceof NotResumed ? cause : new NotResumed({ cause });
    }
  }

  /** Keeps a new channel for as long as its session lasts, if it has one. */
  keep(channel: FrameChannel): void {
    if (!isDurable(channel)) return;
    const { remoteId, closed } = channel.session;
    this.#limitWaiting();
    this.#channels.set(remoteId, channel);
    void closed.then(() => {
      if (this.#channels.get(remoteId) === channel) this.#channels.delete(remoteId);
    });
  }

  /** As many others may have gone and be waited for as may be here. */
  #limitWaiting(): void {
    const { maxConnections } = this.#options;
    const waiting = [...this.#channels.values()].filter(
      (one) => one.isSuspended && one.direction === 'inbound',
    );
    if (maxConnections > 0 && waiting.length >= maxConnections) waiting[0]!.giveUp('too many are waited for');
  }

  #newSession(): HelloSession {
    return { id: randomName(this.#options.runtime), receivedBytes: 0, resumed: false };
  }
}

function isDurable(channel: FrameChannel): channel is DurableChannel {
  return channel.session !== undefined;
}
