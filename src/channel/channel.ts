import type { Address } from '../base/address.ts';
import type { Compression, Data } from '../base/data.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { LimitsByAddress } from '../transport/address-limits.ts';
import type { LinkPath } from '../transport/link-path.ts';
import type { Security } from '../transport/security.ts';
import type { Goodbye, GoodbyeCode } from '../wire/frames/goodbye.ts';
import type { MembershipWord } from '../wire/frames/hello.ts';
import type { WaitOptions } from './pending.ts';
import type { ChannelStream } from './streams/stream.ts';

/** Why a connection ended. */
export interface CloseReason {
  /** `'lost'`: the link broke without a goodbye. All other codes travel in the goodbye of one side. */
  readonly code: GoodbyeCode | 'lost';
  /** A sentence for people. */
  readonly message: string;
  /** Which side ended the connection; `'link'` when it was neither. */
  readonly by: 'us' | 'them' | 'link';
}

/** How to send a message. */
export interface SendOptions {
  /** Default `'none'`. If the peer does not know the compression, the call throws `ERR_COMPRESSION_UNAVAILABLE`. */
  readonly compression?: Compression | undefined;
  /**
   * Sends text to a Python node exactly as it is. The Python node reads it as JSON if it can, so you can pass on the
   * text of another message. Without this option, text that reads like JSON is put in quotes and arrives as text.
   * Peerloom nodes receive the text either way. Default false.
   */
  readonly verbatim?: boolean | undefined;
}

/** What a node knows about a peer. */
export interface RemoteNode {
  readonly id: string;
  /** The name that the peer gives itself. It may be empty, and proves nothing. */
  readonly name: string;
  /** The address of the peer's end of the link. */
  readonly address: Address;
  /** The port that the peer says it listens on. */
  readonly listeningPort: number;
  /** The addresses on which the peer says that it listens, as text that this node can dial. */
  readonly addresses: readonly string[];
  /** A random text, new for each run of the peer. */
  readonly instance: string;
  readonly security: Security;
  /** Whether limits per address apply to this peer. */
  readonly limitsByAddress: LimitsByAddress;
  /** The membership part of both hellos. `undefined` if one of the nodes chooses its neighbours by hand. */
  readonly membership?: { readonly ours: MembershipWord; readonly theirs: MembershipWord } | undefined;
}

/** True if all handlers of an event ran without throwing. A promise if one of them is asynchronous. */
export type Handled = boolean | Promise<boolean>;

/** Messages that the other node returned, because it could not accept them. */
export interface ReturnedMessages {
  /** The reason, which is the same for all of them. */
  readonly code: ErrorCode;
  /** How many messages came back. */
  readonly count: number;
  /** Their data, in the order in which they were sent, without messages of more than 64 KiB and of other authors. */
  readonly data: readonly Data[];
}

/** A handler that has been running for long, and what waits for it. */
export interface SlowHandler {
  /** A connect handler, a message handler, or as many request handlers as may run at once. */
  readonly handler: 'connected' | 'message' | 'request';
  readonly runsMs: number;
  /** How many messages and deliveries wait behind it. For request handlers: how many requests. */
  readonly waiting: number;
  /** What they cost, in bytes. */
  readonly waitingBytes: number;
  /** Deliveries to the same peer that were made while it runs, and have no answer. */
  readonly deliveries: number;
}

/** What {@link NodeConnection.metrics} returns: the state of a connection at one moment. */
export interface ConnectionMetrics {
  /**
   * Bytes handed to the link, before encryption and without the handshake. A session that resumes may send some of them
   * again, which does not count.
   */
  readonly sentBytes: number;
  /** Bytes that arrived, after decryption and without the handshake. */
  readonly receivedBytes: number;
  /** Bytes that wait to be sent, because the link or the peer takes no more. */
  readonly queuedBytes: number;
  /** Messages, deliveries and requests that wait for handlers. */
  readonly unhandledMessages: number;
  /** Memory that this node keeps for the peer, in bytes. */
  readonly heldBytes: number;
  /**
   * The last round trip that was measured, in milliseconds: by `ping()`, or by the node itself after
   * `limits.pingAfterMs` of silence. `undefined` before the first, and for Python nodes.
   */
  readonly roundTripMs: number | undefined;
}

/** A protocol that a node speaks beside messages. */
export interface SpokenProtocol {
  readonly name: string;
  /** True: the protocol's frames survive a change of links. False: the protocol sees each link as a new connection. */
  readonly outlivesLinks: boolean;
}

/**
 * What a channel reports. Messages and deliveries come one at a time; requests and streams come at any time after
 * `connected`.
 */
export interface ChannelHandler {
  connected(): Handled;
  /** @param text the original text of a Python node's message, from which `data` was parsed. */
  message(data: Data, text?: string): Handled;
  /**
   * A message whose sender waits for the handlers. Returns `undefined` if there is no handler. If the method throws or
   * rejects, the sender receives the reason.
   */
  delivery(data: Data): Handled | undefined | Promise<boolean | undefined>;
  /** Returns `undefined` if there is no answer. May reject. */
  request(data: Data): Data | Promise<Data | undefined>;
  /** The other side opened a stream. Returns `undefined` if there is no handler for streams. */
  stream(header: Data, stream: ChannelStream): Handled | undefined | Promise<boolean | undefined>;
  /** Both sides speak the protocol, and it may begin to send. */
  protocolOpened(name: string): void;
  /** A frame of such a protocol. The promise resolves when the protocol has handled the frame; it never rejects. */
  protocol(name: string, bytes: Uint8Array): Promise<void> | undefined;
  /** Called once for each `protocolOpened`. Nothing can be sent and nothing arrives after it. */
  protocolClosed(name: string): void;
  /** The answer to a request cannot be sent. */
  unanswerable(error: unknown): void;
  /** A message that `send` accepted could not be sent. */
  unsendable(error: Error): void;
  /** A message could not be decoded. */
  rejected(error: Error): void;
  /** A handler has been running for long; reported once for each run. */
  slow(handler: SlowHandler): void;
  /** The other side returned messages of this side. */
  returned(messages: ReturnedMessages): void;
  /** The link broke, but another one may take its place. Called at once, perhaps while handlers run. */
  unlinked(): void;
  /** Called after `unlinked`, once everything that arrived before is handled. `resumed` or `closed` follows. */
  suspended(reason: CloseReason): void;
  /** The session continues over another link. */
  resumed(): void;
  /**
   * Called exactly once, after everything else.
   *
   * @param readUnacknowledged given when a session could not resume. It decodes the messages that the other side may
   * have missed, which takes time. Returns `undefined` if there is nothing to report.
   */
  closed(reason: CloseReason, readUnacknowledged?: () => readonly Data[] | undefined): void;
}

/** The conversation with one peer after the handshake, over one link or one session. */
export interface Channel {
  readonly remote: RemoteNode;
  /** `'outbound'` if this side dialled. */
  readonly direction: 'inbound' | 'outbound';
  /** The path of the present link. `undefined` if the link is direct. */
  readonly path?: LinkPath | undefined;
  /** Whether messages can be sent. */
  readonly isOpen: boolean;
  /** Whether the channel is open but has lost its link, and waits for another one. */
  readonly isSuspended: boolean;
  /** Starts reporting to the handler. Until then, the channel holds everything back. */
  start(handler: ChannelHandler): void;
  send(data: Data, options?: SendOptions): boolean;
  drained(): Promise<void>;
  /** Throws at once if nothing was sent, as {@link Channel.request} does. */
  deliver(data: Data, options?: WaitOptions): Promise<void>;
  request(data: Data, options?: WaitOptions): Promise<Data>;
  /** Resolves when the other side has accepted the stream. */
  openStream(header: Data, options?: WaitOptions): Promise<ChannelStream>;
  /**
   * Sends a frame of a protocol.
   *
   * @returns false above the high-water mark. Also false, and nothing was sent, if the protocol is not open.
   * @throws PeerloomError `ERR_QUEUE_FULL`, `ERR_MESSAGE_TOO_LARGE`.
   */
  sendProtocol(name: string, bytes: Uint8Array): boolean;
  /** @returns the round trip in milliseconds. */
  ping(options?: WaitOptions): Promise<number>;
  metrics(): ConnectionMetrics;
  /**
   * Pings a silent peer and closes the connection to a dead one.
   *
   * @param isSought true while this node tries to reach the peer again. A suspended channel waits for that long.
   * @returns when the node has to check again if nothing arrives until then. `Infinity`: never.
   */
  checkLiveness(now: number, isSought?: boolean): number;
  /**
   * Pings a peer that has been silent, for callers that need to know sooner than {@link Channel.checkLiveness}.
   *
   * @returns the milliseconds since something arrived. Time in which this side did not read does not count.
   */
  checkSilence(now: number, pingAfterMs: number): number;
  /** Ends the channel if it is suspended. */
  endSuspended(message: string): void;
  /** Sends everything that waits, says goodbye and closes. */
  close(goodbye: Goodbye): void;
}
