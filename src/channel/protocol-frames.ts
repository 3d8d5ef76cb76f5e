import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { FrameKind } from '../wire/frames/frame.ts';
import type { Frame } from '../wire/frames/frame-reader.ts';
import type { Hello } from '../wire/frames/hello.ts';
import { alone } from '../wire/frames/own-memory.ts';
import { Lane } from '../wire/frames/windows.ts';
import type { ChannelHandler, SpokenProtocol } from './channel.ts';
import { costOf } from './receive/inbox.ts';
import { ReceiveWindow } from './receive/receive-window.ts';
import type { Outgoing } from './send/outgoing.ts';
import { framesShared } from './send/shared-bytes.ts';
import type { Session } from './session/session.ts';

/** The conversation that the frames are part of. */
export interface ProtocolFramesHost {
  /** The protocols of this node, in the order of its hello. */
  readonly options: { readonly protocols: readonly SpokenProtocol[] };
  readonly limits: Limits;
  readonly outgoing: Outgoing;
  readonly session: Session | undefined;
}

/** Distinguishes the latest 256 breaks. */
const epochOf = (breaks: number): number => breaks & 0xff;

/**
 * The frames of protocols beside messages on one connection (docs/protocol.md, section 13).
 *
 * Frames are handed to their protocol as they arrive, also while handlers run. Frames that a protocol has not finished
 * with count against a window; when it is full, further frames wait at the sender. If a protocol's frames do not
 * outlive links, the protocol sees each link of a session as a new connection. Frames that were sent over an earlier
 * link carry another number of breaks and are dropped.
 */
export class ProtocolFrames {
  /** Indexed by the protocol's place in the other side's hello. */
  readonly #spoken: readonly (SpokenProtocol | undefined)[];
  readonly #host: ProtocolFramesHost;
  readonly #window: ReceiveWindow;
  #theirEpoch: number;
  /** Frames that arrived before the connect handler was called. */
  #early: Frame[] | undefined;
  /** The cost of the frames that protocols have not finished with. */
  #inHandBytes = 0;
  #earlyBytes = 0;
  #handler: ChannelHandler | undefined;
  /** One bit for each place in `#spoken`: set once the protocol was reported as open. */
  #openBits = 0;
  #isLinked = true;
  #isClosed = false;

  constructor(host: ProtocolFramesHost, ours: Hello, theirs: Hello) {
    const spoken = host.options.protocols;
    this.#host = host;
    this.#window = new ReceiveWindow(ours.windows.protocols, Lane.protocols, host.outgoing);
    this.#theirEpoch = epochOf(theirs.session?.breaks ?? 0);
    const isSame = spoken.every(({ name }, place) => name === theirs.protocols[place]);
    // Nodes of one program speak the same protocols and can share one list.
    this.#spoken =
      isSame && theirs.protocols.length === spoken.length
        ? spoken
        : theirs.protocols.map((theirName) => spoken.find(({ name }) => name === theirName));
  }

  get heldBytes(): number {
    return this.#inHandBytes + this.#earlyBytes;
  }

  /** The connect handler was called. */
  start(handler: ChannelHandler): void {
    this.#handler = handler;
    this.#openAll();
    const early = this.#early;
    this.#dropEarly();
    for (const frame of early ?? []) this.#handOn(frame);
  }

  /**
   * @returns false above the high-water mark, or if the protocol is not open.
   * @throws PeerloomError `ERR_QUEUE_FULL`.
   */
  send(name: string, body: Uint8Array): boolean {
    if (!this.#isOpen(this.#placeOf(name))) return false;
    const { outgoing, session, options } = this.#host;
    const format = options.protocols.findIndex((protocol) => protocol.name === name);
    const compression = epochOf(session?.breaks ?? 0);
    return outgoing.send(FrameKind.protocol, { format, compression, body, shared: framesShared(body) });
  }

  /** @throws PeerloomError `ERR_PROTOCOL`, `ERR_MESSAGE_TOO_LARGE`. */
  onFrame(frame: Frame): void {
    const { body, format } = frame;
    const maxBodyBytes = this.#host.limits.maxMessageBytes;
    if (body.length > maxBodyBytes) {
      const message = `a frame of a protocol of ${body.length} bytes; at most ${maxBodyBytes} are allowed`;
      throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
    }
    if (this.#spoken[format] === undefined) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side sent a frame of a protocol that is not spoken');
    }
    if (this.#isClosed) {
      this.#window.handled(costOf(body.length));
      return;
    }
    this.#window.check(this.heldBytes);
    if (this.#handler !== undefined) {
      this.#handOn(frame);
      return;
    }
    this.#early ??= [];
    this.#early.push(frame);
    this.#earlyBytes += costOf(body.length);
  }

  /** The link broke, and another one may take its place. */
  unlinked(): void {
    this.#isLinked = false;
    for (const [place, protocol] of this.#spoken.entries()) {
      if (protocol?.outlivesLinks === false) this.#closeOne(place);
    }
  }

  /** The session continues over another link. @param theirBreaks how often it broke, as counted by the other side. */
  relinked(theirBreaks: number): void {
    this.#theirEpoch = epochOf(theirBreaks);
    this.#isLinked = true;
    if (this.#handler !== undefined) this.#openAll();
  }

  /** Closes all protocols: nothing is sent or handed on any more. */
  close(): void {
    this.#isClosed = true;
    this.#dropEarly();
    for (const place of this.#spoken.keys()) this.#closeOne(place);
  }

  #dropEarly(): void {
    this.#early = undefined;
    this.#earlyBytes = 0;
  }

  #openAll(): void {
    for (const [place, protocol] of this.#spoken.entries()) {
      if (this.#isClosed) return;
      if (protocol === undefined || this.#isOpen(place)) continue;
      if (!this.#isLinked && !protocol.outlivesLinks) continue;
      this.#openBits |= 1 << place;
      this.#handler!.protocolOpened(protocol.name);
    }
  }

  #closeOne(place: number): void {
    if (!this.#isOpen(place)) return;
    this.#openBits &= ~(1 << place);
    this.#handler!.protocolClosed(this.#spoken[place]!.name);
  }

  #placeOf(name: string): number {
    return this.#spoken.findIndex((protocol) => protocol?.name === name);
  }

  #isOpen(place: number): boolean {
    return place >= 0 && (this.#openBits & (1 << place)) !== 0;
  }

  #handOn({ format, compression, body }: Frame): void {
    const costBytes = costOf(body.length);
    const { name, outlivesLinks } = this.#spoken[format]!;
    const isOfEarlierLink = !outlivesLinks && compression !== this.#theirEpoch;
    const pending =
      isOfEarlierLink || !this.#isOpen(format) ? undefined : this.#handler!.protocol(name, alone(body));
    if (pending === undefined) {
      this.#window.handled(costBytes);
      return;
    }
    this.#inHandBytes += costBytes;
    void pending.then(() => {
      this.#inHandBytes -= costBytes;
      this.#window.handled(costBytes);
    });
  }
}
