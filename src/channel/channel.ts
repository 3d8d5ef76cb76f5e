import type { Address } from '../base/address.ts';
import type { Compression, Data } from '../base/data.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Security } from '../transport/security.ts';
import type { Goodbye, GoodbyeCode } from '../wire/frames/goodbye.ts';
import type { WaitOptions } from './pending.ts';
import type { ChannelStream } from './streams/stream.ts';

/** Why a connection ended. */
export interface CloseReason {
  /** `'lost'`: the link broke without a goodbye; all others are told to the other side, or by it. */
  readonly code: GoodbyeCode | 'lost';
  /** A sentence for people. */
  readonly message: string;
  /** Which side ended the connection; `'link'` when it was neither. */
  readonly by: 'us' | 'them' | 'link';
}

/** How to send a message. */
export interface SendOptions {
  /** Default `'none'`. The other side must know it: `ERR_COMPRESSION_UNAVAILABLE` otherwise. */
  readonly compression?: Compression | undefined;
  /**
   * Sends text to a Python node exactly as it is. That node reads it as JSON if it can, so the text can be that of a
   * message to pass on. Without it such text goes in quotes, and arrives as text. Peerloom nodes get the text either
   * way. Default false.
   */
  readonly verbatim?: boolean | undefined;
}

/** What a node knows of another one that it is connected to. */
export interface RemoteNode {
  readonly id: string;
  /** What the other calls itself; may be empty, proves nothing. */
  readonly name: string;
  /** Where its end of the link is. */
  readonly address: Address;
  /** The port that it says it listens on. */
  readonly listeningPort: number;
  /** Random for each run of that node. */
  readonly instance: string;
  readonly security: Security;
}

/** Whether all the handlers of an event ran without throwing; a promise when one of them is asynchronous. */
export type Handled = boolean | Promise<boolean>;

/** Messages that the other node sent back, because it could not take them. */
export interface ReturnedMessages {
  /** Why: one code for all of them. */
  readonly code: ErrorCode;
  /** How many messages came back. */
  readonly count: number;
  /** Their data, in the order in which they were sent. Messages of more than 64 KiB, and those of other authors, are not here. */
  readonly data: readonly Data[];
}

/** A handler that has run for long, and what waits for it. */
export interface SlowHandler {
  /** That of the connection, of a message or delivery, or those of as many requests as may run at once. */
  readonly handler: 'connected' | 'message' | 'request';
  readonly runsMs: number;
  /** How many messages and deliveries wait behind it; of requests, how many requests. */
  readonly waiting: number;
  /** What these cost. */
  readonly waitingBytes: number;
  /** Deliveries to the same node, made while it runs, that are not confirmed. */
  readonly deliveries: number;
}

/** What a channel reports. Messages and deliveries come one at a time, requests and streams at any time after `connected`. */
export interface ChannelHandler {
  connected(): Handled;
  /** @param text of a Python node's message: what the data was read from. */
  message(data: Data, text?: string): Handled;
  /**
   * A message whose sender waits for its handlers. `undefined`: nobody handles it. May throw, or reject with, a reason
   * that the sender may know.
   */
  delivery(data: Data): Handled | undefined | Promise<boolean | undefined>;
  /** `undefined`: nobody answers. May reject. */
  request(data: Data): Data | Promise<Data | undefined>;
  /** The other side opened a stream. `undefined`: nobody handles streams. */
  stream(header: Data, stream: ChannelStream): Handled | undefined | Promise<boolean | undefined>;
  /** The answer to a request cannot be sent. */
  unanswerable(error: unknown): void;
  /** A message could not be decoded. */
  rejected(error: Error): void;
  /** A handler runs for long; told once. */
  slow(handler: SlowHandler): void;
  /** Messages of this side came back. */
  returned(messages: ReturnedMessages): void;
  /** The link broke, but another one may take its place; said at once, while handlers may still run. */
  unlinked(): void;
  /** The same, once what arrived before is handled: `resumed`, or `closed`, follows. */
  suspended(reason: CloseReason): void;
  /** Everything goes on over another link. */
  resumed(): void;
  /**
   * Exactly once, after everything else.
   *
   * @param readUnacknowledged of a session that could not go on: reads the messages that the other side may not have,
   * which costs something; `undefined` where there is nothing to tell.
   */
  closed(reason: CloseReason, readUnacknowledged?: () => readonly Data[] | undefined): void;
}

/** The conversation with one other node, over one link, after the handshake. */
export interface Channel {
  readonly remote: RemoteNode;
  /** `'outbound'`: this side asked for it. */
  readonly direction: 'inbound' | 'outbound';
  /** Messages can be sent. */
  readonly isOpen: boolean;
  /** It is open, but waits for another link. */
  readonly isSuspended: boolean;
  /** Begins to report; until then everything is held back. */
  start(handler: ChannelHandler): void;
  send(data: Data, options?: SendOptions): boolean;
  drained(): Promise<void>;
  /** Like {@link Channel.request}, throws at once when nothing was sent. */
  deliver(data: Data, options?: WaitOptions): Promise<void>;
  request(data: Data, options?: WaitOptions): Promise<Data>;
  /** Resolves when the other side has taken the stream. */
  openStream(header: Data, options?: WaitOptions): Promise<ChannelStream>;
  /** @returns the round trip in milliseconds. */
  ping(options?: WaitOptions): Promise<number>;
  /**
   * Pings a silent peer and gives up a dead one; called by the node now and then.
   *
   * @param isSought this node tries to reach the other again: a suspended channel waits for as long as it does.
   */
  checkLiveness(now: number, isSought?: boolean): void;
  /** Waits for another link no longer, where it is suspended. */
  giveUp(message: string): void;
  /** Sends what waits, says goodbye and closes. */
  close(goodbye: Goodbye): void;
}
