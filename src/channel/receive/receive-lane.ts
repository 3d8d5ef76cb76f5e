import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import type { Lane } from '../../wire/frames/windows.ts';
import type { ChannelHandler, SlowHandler } from '../channel.ts';
import type { SendAnswer } from './answering.ts';
import { HandlerWatch } from './handler-watch.ts';
import { costOf, Inbox, type InboxOwner } from './inbox.ts';
import type { Decoded, PayloadReader, PayloadUser } from './payload-reader.ts';
import { type Granter, ReceiveWindow } from './receive-window.ts';

/** The objects that the lanes of a channel share. */
export interface LaneHost {
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly payloads: PayloadReader;
  readonly granter: Granter;
  readonly answer: SendAnswer;
  /** Handling a frame that had to wait failed, but not in a handler of the user's. */
  onFailure(error: unknown): void;
  /** A handler that began at this time (of the runtime) still runs. */
  onSlow(handler: SlowHandler['handler'], beganAtMs: number): void;
}

/** The receiving end of a lane: the frames that wait for the user's handlers, and the lane's window. */
export abstract class ReceiveLane implements InboxOwner, PayloadUser {
  readonly inbox: Inbox;
  protected readonly host: LaneHost;
  protected readonly window: ReceiveWindow;
  /** Set once the connect handler was called. */
  protected handler: ChannelHandler | undefined;
  /** Created for the first handler that does not settle at once. */
  #watch: HandlerWatch<SlowHandler['handler']> | undefined;

  constructor(host: LaneHost, lane: Lane, windowBytes: number) {
    this.host = host;
    this.window = new ReceiveWindow(windowBytes, lane, host.granter);
    this.inbox = new Inbox(this);
  }

  get runtime(): Runtime {
    return this.host.runtime;
  }

  /** The cost of unhandled frames, which counts against the window. */
  protected abstract get unhandledBytes(): number;

  abstract isWanted(frame: Frame): boolean;
  abstract receive(frame: Frame, decoded: Decoded | undefined): undefined | Promise<unknown>;

  /** @throws PeerloomError `ERR_PROTOCOL`. */
  offer(frame: Frame): void {
    this.window.check(this.unhandledBytes);
    this.inbox.offer(frame);
  }

  /** Skips a frame that is not wanted. It no longer counts against the window. */
  drop({ body }: Frame): void {
    this.window.handled(costOf(body.length));
  }

  /** Drops what has arrived. */
  clear(): void {
    this.window.handled(this.inbox.clear());
    this.host.payloads.cancel(this);
  }

  /** The end of the connection was reported to the user. */
  close(): void {
    this.#watch?.close();
  }

  handle(frame: Frame): undefined | Promise<unknown> {
    return this.host.payloads.read(this, frame);
  }

  onFailure(error: unknown): void {
    this.host.onFailure(error);
  }

  /** A handler does not settle at once. */
  protected began(handler: SlowHandler['handler']): void {
    this.#watch ??= new HandlerWatch(this.host);
    this.#watch.began(handler);
  }

  protected ended(): void {
    this.#watch?.ended();
  }
}
