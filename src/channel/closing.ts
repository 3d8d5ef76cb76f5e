import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import { PeerloomError } from '../base/errors.ts';
import { budgetPassed, type MemoryAccount, type MemoryBudget } from '../base/memory-budget.ts';
import { peerLabel } from '../base/peer-label.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Link } from '../transport/transport.ts';
import { FrameKind, smallFrame } from '../wire/frames/frame.ts';
import type { FrameReader } from '../wire/frames/frame-reader.ts';
import { encodeGoodbye, type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import type { Calls } from './calls.ts';
import type { ChannelHandler, CloseReason, RemoteNode } from './channel.ts';
import { Ending, lostReason } from './ending.ts';
import type { ProtocolFrames } from './protocol-frames.ts';
import type { Incoming } from './receive/incoming.ts';
import type { Outgoing } from './send/outgoing.ts';
import { letGo } from './send/outgoing-frames.ts';
import type { Receiver } from './send/shared-encoding.ts';
import { readerOfUnacknowledged } from './send/unacknowledged.ts';
import type { Session } from './session/session.ts';
import type { Streams } from './streams/streams.ts';
import { UnreadStreams } from './streams/unread-streams.ts';

/** Milliseconds that the link has to send its queue after a connection was closed on purpose. */
const closeFlushMs = 5_000;

/** The same, when the other side has violated the protocol. */
const failFlushMs = 1_000;

/** The parts of a conversation, all of which end with it. */
export interface ClosingHost extends MemoryAccount {
  readonly options: { readonly budget: MemoryBudget; readonly runtime: Runtime; readonly log: Log };
  readonly remote: RemoteNode;
  readonly receiver: Receiver;
  readonly link: Link;
  readonly session: Session | undefined;
  readonly reader: FrameReader;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly protocols: ProtocolFrames | undefined;
  readonly usedStreams: Streams | undefined;
  readonly usedCalls: Calls | undefined;
  readonly handler: ChannelHandler | undefined;
  isOpen: boolean;
}

/**
 * How a conversation ends: by this side, by the other one, or with its link.
 *
 *    open ──(close, fail, goodbye of the other side)──► closing ──(link closed)──► closed ──► report
 *      └────────────────────────(link closed)─────────────────────────────────────►┘
 */
export class Closing {
  readonly #host: ClosingHost;
  readonly #ending = new Ending();
  /** Decodes the messages that the user has to learn about when the session ends. */
  #readUnacknowledged: (() => readonly Data[] | undefined) | undefined;

  constructor(host: ClosingHost) {
    this.#host = host;
  }

  get isClosed(): boolean {
    return this.#ending.isClosed;
  }

  /** Sends a goodbye after everything that waits to be sent. */
  close(farewell: Goodbye): void {
    const { incoming, outgoing, link, session, options } = this.#host;
    if (this.#ending.choose(farewell)) incoming.clear();
    if (this.isClosed) this.report();
    if (!this.#host.isOpen) return;
    this.#begin({ ...farewell, by: 'us' });
    this.#endConversations('kept');
    if (session?.isSuspended) {
      this.#closeOutgoing();
      return void link.destroy();
    }
    outgoing.sendLast(FrameKind.goodbye, encodeGoodbye(farewell));
    const deadline = options.runtime.setTimeout(() => link.destroy(), closeFlushMs);
    void outgoing.flushed().then(() => link.close(closeFlushMs));
    void link.closed.then(() => deadline.cancel());
  }

  /** The other side has said goodbye. */
  onGoodbye(farewell: Goodbye): void {
    if (!this.#host.isOpen) return;
    this.#begin({ ...farewell, by: 'them' });
    this.#endConversations('kept');
    this.#host.reader.stop();
    this.#closeOutgoing();
    this.#host.link.close(closeFlushMs);
  }

  /** Sends the reason to the other side, if it still listens, and ends the conversation. */
  fail(farewell: Goodbye): void {
    if (this.isClosed) return;
    const { remote, reader, incoming, link, options } = this.#host;
    options.log(`closing the connection with ${peerLabel(remote)}: ${farewell.message}`);
    this.#begin({ ...farewell, by: 'us' });
    this.#endConversations(farewell.code === 'overload' ? 'dropped' : 'kept');
    reader.stop();
    this.#closeOutgoing();
    // Nothing that a protocol violator sent is handled any more.
    if (farewell.code === 'protocol') incoming.clear();
    const isHeard = farewell.code !== 'timeout';
    if (isHeard) link.send(smallFrame(FrameKind.goodbye, encodeGoodbye(farewell)));
    link.close(isHeard ? failFlushMs : 0);
  }

  /** Gives what the session keeps to the user, or drops it, without waiting for running handlers. */
  shed(): void {
    this.#host.incoming.clear();
    this.#ending.hurry();
    this.fail(goodbye('overload', budgetPassed));
    this.#host.session?.abandon();
    if (this.isClosed) this.report();
  }

  /** The link, or the session, has ended. */
  onLinkClosed(error: Error | undefined): void {
    const { session, reader, incoming, usedCalls, receiver } = this.#host;
    this.#host.isOpen = false;
    this.#ending.complete(lostReason(error));
    reader.stop();
    this.#closeOutgoing();
    if (session !== undefined && !session.isBrief) {
      this.#readUnacknowledged = readerOfUnacknowledged({
        session,
        awaited: usedCalls?.awaited() ?? new Set(),
        maxMessageBytes: receiver.maxMessageBytes,
        ending: this.#ending,
      });
    }
    incoming.end();
    this.#endConversations('kept');
    usedCalls?.end(() => this.#closedError(), incoming.answersRead());
    this.report();
  }

  /** Reports the end of a closed conversation. A conversation refused before it started has no handler to report to. */
  report(): void {
    const { handler, incoming, session, options } = this.#host;
    if (handler === undefined) return;
    this.#ending.report(incoming, () => {
      options.budget.close(this.#host);
      incoming.close();
      const readUnacknowledged = this.#readUnacknowledged;
      this.#readUnacknowledged = undefined;
      handler.closed(this.#ending.reason, readUnacknowledged);
      session?.forget();
    });
  }

  #begin(reason: CloseReason): void {
    this.#host.isOpen = false;
    this.#ending.begin(reason);
  }

  #endConversations(unread: 'kept' | 'dropped'): void {
    const { protocols, usedStreams, options } = this.#host;
    protocols?.close();
    const left = usedStreams?.close(() => this.#closedError(), unread) ?? [];
    if (left.length === 0) return;
    const { budget } = options;
    budget.open(new UnreadStreams(left, { budget, dropped: () => this.#closedError(budgetPassed) }));
  }

  #closeOutgoing(): void {
    const { outgoing, session } = this.#host;
    for (const piece of outgoing.takeWaiting()) {
      session?.keepUnsent(piece.bytes, piece.shared);
      letGo(piece);
    }
    outgoing.close();
  }

  #closedError(reason = this.#ending.reason.message): PeerloomError {
    const message = `the connection with ${peerLabel(this.#host.remote)} closed: ${reason}`;
    return new PeerloomError('ERR_CONNECTION_CLOSED', message);
  }
}
