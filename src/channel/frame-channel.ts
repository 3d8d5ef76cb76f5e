import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { MemoryAccount } from '../base/memory-budget.ts';
import { peerLabel } from '../base/peer-label.ts';
import type { LinkPath } from '../transport/link-path.ts';
import { FrameKind, idBody } from '../wire/frames/frame.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import type { Channel, ChannelHandler, ConnectionMetrics, RemoteNode, SendOptions } from './channel.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';
import type { Handshake } from './handshake.ts';
import { livenessPingId } from './liveness.ts';
import type { WaitOptions } from './pending.ts';
import type { Session } from './session/session.ts';
import type { ChannelStream } from './streams/stream.ts';

export type FrameChannelOptions = ConversationOptions;

/** The channel to another peerloom node: messages, calls and their answers, streams, protocols, pings, goodbye. */
export class FrameChannel implements Channel, MemoryAccount {
  readonly #conversation: Conversation;

  constructor(handshake: Handshake, options: FrameChannelOptions) {
    this.#conversation = new Conversation(handshake, options);
  }

  get remote(): RemoteNode {
    return this.#conversation.remote;
  }

  get direction(): 'inbound' | 'outbound' {
    return this.#conversation.direction;
  }

  get path(): LinkPath | undefined {
    return this.#conversation.link.path;
  }

  /** Set if both sides agreed on a session. The session is then also the link of this conversation. */
  get session(): Session | undefined {
    return this.#conversation.session;
  }

  get isOpen(): boolean {
    return this.#conversation.isOpen;
  }

  get isSuspended(): boolean {
    return this.#conversation.isSuspended;
  }

  get heldBytes(): number {
    return this.#conversation.heldBytes;
  }

  shed(): void {
    this.#conversation.shed();
  }

  start(handler: ChannelHandler): void {
    this.#conversation.start(handler);
  }

  send(data: Data, options?: SendOptions): boolean {
    const conversation = this.#open();
    if (conversation.dataLink?.carriesData && conversation.handOver(data, options)) return true;
    return conversation.outgoing.send(FrameKind.message, conversation.encode(data, options));
  }

  drained(): Promise<void> {
    return this.#conversation.outgoing.drained();
  }

  deliver(data: Data, options?: WaitOptions): Promise<void> {
    return this.#open().calls.deliver(data, options);
  }

  request(data: Data, options?: WaitOptions): Promise<Data> {
    return this.#open().calls.request(data, options);
  }

  openStream(header: Data, options?: WaitOptions): Promise<ChannelStream> {
    return this.#open().streams.open(header, options);
  }

  async ping(options?: WaitOptions): Promise<number> {
    const { calls, liveness } = this.#open();
    const roundTripMs = await calls.ping(options);
    liveness.roundTripMs = roundTripMs;
    return roundTripMs;
  }

  metrics(): ConnectionMetrics {
    const { outgoing, incoming, liveness, receivedBytes, heldBytes } = this.#conversation;
    const { sentBytes, queuedBytes } = outgoing;
    const { waitingCount } = incoming;
    const { roundTripMs } = liveness;
    return { sentBytes, receivedBytes, queuedBytes, unhandledMessages: waitingCount, heldBytes, roundTripMs };
  }

  sendProtocol(name: string, bytes: Uint8Array): boolean {
    const { protocols, receiver } = this.#conversation;
    if (bytes.length > receiver.maxMessageBytes) {
      throw new PeerloomError(
        'ERR_MESSAGE_TOO_LARGE',
        `a frame of protocol ${name} has ${bytes.length} bytes; the other side takes at most ${receiver.maxMessageBytes}`,
      );
    }
    return protocols?.send(name, bytes) === true;
  }

  checkLiveness(now: number, isSought = false): number {
    const conversation = this.#conversation;
    if (this.isOpen && !this.isSuspended) this.#checkSilence(now);
    if (this.isOpen && this.isSuspended) return this.#checkSuspension(now, isSought);
    return this.isOpen ? conversation.liveness.dueAt : Number.POSITIVE_INFINITY;
  }

  checkSilence(now: number, pingAfterMs: number): number {
    const { liveness, incoming, outgoing } = this.#conversation;
    // While reading is paused, nothing can arrive.
    if (!this.isOpen || this.isSuspended || incoming.isPaused) return 0;
    if (liveness.isPingDue(now, pingAfterMs)) outgoing.urgent(FrameKind.ping, idBody(livenessPingId));
    return liveness.silenceMs(now);
  }

  close(farewell: Goodbye): void {
    this.#conversation.closing.close(farewell);
  }

  /**
   * Resumes the session over another link.
   *
   * @throws PeerloomError `ERR_PROTOCOL` if the sides disagree about the position. The session ends if they never can
   * agree.
   */
  resumeOver(handshake: Handshake): void {
    const { receivedBytes } = handshake.theirs.session!;
    if (!this.session!.canResumeAt(receivedBytes))
      this.endSuspended('the other side cannot resume the session: it lost what it had received');
    this.#conversation.resumeOver(handshake);
  }

  /** Moves the session to another link, beside the present one. @throws PeerloomError `ERR_PROTOCOL`. */
  moveTo(handshake: Handshake): void {
    this.#conversation.moveTo(handshake);
  }

  endSuspended(message: string): void {
    if (this.isSuspended) this.#conversation.closing.fail(goodbye('timeout', message));
  }

  #open(): Conversation {
    if (this.isOpen) return this.#conversation;
    throw new PeerloomError(
      'ERR_CONNECTION_CLOSED',
      `the connection with ${peerLabel(this.remote)} is closed: connect again`,
    );
  }

  /** @returns when to check again. */
  #checkSuspension(now: number, isSought: boolean): number {
    const { suspension, limits } = this.#conversation;
    const { pingAfterMs, sessionTimeoutMs } = limits;
    const endsAt = isSought ? Number.POSITIVE_INFINITY : suspension!.beganAtMs + sessionTimeoutMs;
    // Another link may take the lost one's place at any time, and may fall silent at once.
    if (now < endsAt) return Math.min(endsAt, now + pingAfterMs);
    this.endSuspended(
      `the other side did not come back within ${sessionTimeoutMs} ms (limits.sessionTimeoutMs)`,
    );
    return Number.POSITIVE_INFINITY;
  }

  #checkSilence(now: number): void {
    const { limits, liveness, incoming, outgoing, closing, session } = this.#conversation;
    const due = liveness.check(now, !incoming.isPaused);
    if (due === 'ping') {
      outgoing.urgent(FrameKind.ping, idBody(livenessPingId));
    } else if (due === 'end') {
      const message = `the other side was silent for ${limits.deadAfterMs} ms (limits.deadAfterMs)`;
      if (session === undefined || (session.isBrief && !session.isMoving))
        closing.fail(goodbye('timeout', message));
      else session.suspend(new PeerloomError('ERR_TIMEOUT', message));
    }
  }
}
