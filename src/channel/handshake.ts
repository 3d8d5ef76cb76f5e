import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { printable } from '../base/printable.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime } from '../base/runtime.ts';
import { FrameKind, smallFrame } from '../wire/frames/frame.ts';
import { type Frame, FrameReader } from '../wire/frames/frame-reader.ts';
import {
  decodeGoodbye,
  encodeGoodbye,
  type Goodbye,
  type GoodbyeCode,
  goodbye,
} from '../wire/frames/goodbye.ts';
import {
  agreedVersion,
  decodeHello,
  encodeHello,
  type Hello,
  type HelloSession,
} from '../wire/frames/hello.ts';
import { joined } from '../wire/frames/memory.ts';
import { copyOf } from '../wire/frames/own-memory.ts';
import type { LinkEnd } from './link-end.ts';

/*
 *   dialling side                        accepting side
 *     │ hello ───────────────────────────────► │  checks version and network, then asks its node
 *     │ ◄─────────────────────── hello, accept │
 *     │  checks and asks in turn               │
 *     │ accept ──────────────────────────────► │  both are open
 *
 * In place of any of these a side may say goodbye with its reason. (docs/protocol.md, clauses 4.x)
 */

export interface HandshakeOptions {
  readonly direction: 'inbound' | 'outbound';
  readonly hello: Hello;
  readonly limits: Limits;
  readonly runtime: Runtime;
  /** Ends it, with a {@link HandshakeRefused} as the reason. */
  readonly signal?: AbortSignal;
  /** There is no room: the other side is not even listened to. */
  readonly refusal?: Goodbye | undefined;
  /** Asked once, when the other side is known; a goodbye refuses it. */
  readonly admit: (theirs: Hello) => Goodbye | undefined | Promise<Goodbye | undefined>;
  /** The accepting side's word on the session that the other asks for. */
  readonly session?: (theirs: HelloSession) => HelloSession;
  /** Called when the accepting side has accepted, and waits for the other side to do so. */
  readonly onAccept?: (() => void) | undefined;
}

/** The result of a successful handshake, from which the channel is made. */
export interface Handshake {
  readonly end: LinkEnd;
  readonly direction: 'inbound' | 'outbound';
  readonly ours: Hello;
  readonly theirs: Hello;
  readonly version: number;
  /** The bytes that arrived behind the handshake; called once, by who listens to the link from then on. */
  readonly takeRest: () => readonly Uint8Array[];
}

/** A refusal by one of the two sides; `by` says which. */
export class HandshakeRefused extends Error {
  readonly goodbye: Goodbye;
  readonly by: 'us' | 'them';

  constructor(reason: Goodbye, by: 'us' | 'them') {
    super(reason.message);
    this.goodbye = reason;
    this.by = by;
  }
}

/** What one side may say in a handshake: hello, accept, goodbye. */
const maxHandshakeFrames = 3;

/** Milliseconds that a refused side has to read the reason. */
const refusalFlushMs = 1_000;

/**
 * Brings a link to the point where messages can flow. Ends the link when that fails.
 *
 * @throws HandshakeRefused, or PeerloomError `ERR_HANDSHAKE`, `ERR_PROTOCOL`, `ERR_TIMEOUT`, `ERR_CONNECTION_CLOSED`.
 */
export async function shakeHands(end: LinkEnd, options: HandshakeOptions): Promise<Handshake> {
  const { link } = end;
  const { direction, hello, limits, runtime, refusal: noRoom } = options;
  const frames = new FrameQueue(end, limits);
  const rest = Math.max(1, link.startedAt + limits.handshakeTimeoutMs - runtime.now());
  const timer = runtime.setTimeout(() => {
    frames.fail(
      new PeerloomError(
        'ERR_TIMEOUT',
        `the handshake took more than ${limits.handshakeTimeoutMs} ms (limits.handshakeTimeoutMs)`,
      ),
    );
  }, rest);
  const onAbort = (): void => frames.fail(options.signal!.reason);
  options.signal?.addEventListener('abort', onAbort);
  let said: HelloSession | undefined;
  try {
    options.signal?.throwIfAborted();
    if (noRoom !== undefined) throw new HandshakeRefused(noRoom, 'us');
    if (direction === 'outbound') link.send(smallFrame(FrameKind.hello, encodeHello(hello)));
    const theirs = decodeHello((await frames.next(FrameKind.hello)).body, hello.versions);
    const version = checkHello(theirs, hello, direction);
    if (link.isOfOtherNetwork) {
      throw new PeerloomError('ERR_HANDSHAKE', 'the other side proved its id for another network');
    }
    if (direction === 'outbound') await frames.next(FrameKind.accept);
    const refusal = await frames.unlessFailed(options.admit(theirs));
    if (refusal !== undefined) throw new HandshakeRefused(refusal, 'us');
    const ours = direction === 'inbound' ? withSession(hello, theirs, options) : hello;
    frames.allowRest();
    if (direction === 'inbound') {
      said = ours.session;
      link.send(joined([smallFrame(FrameKind.hello, encodeHello(ours)), acceptFrame()]));
      options.onAccept?.();
      await frames.next(FrameKind.accept);
    } else {
      link.send(acceptFrame());
    }
    return { end, direction, ours, theirs, version, takeRest: frames.finish() };
  } catch (error) {
    frames.stop();
    const farewell = mayGoOn(said, error) ? undefined : farewellFor(error);
    if (farewell !== undefined) link.send(smallFrame(FrameKind.goodbye, encodeGoodbye(farewell)));
    link.close(refusalFlushMs);
    throw error;
  } finally {
    timer.cancel();
    removeAbortListener(options.signal, onAbort);
  }
}

function acceptFrame(): Uint8Array {
  return smallFrame(FrameKind.accept, new Uint8Array(0));
}

function withSession(hello: Hello, { session }: Hello, options: HandshakeOptions): Hello {
  return session && options.session ? { ...hello, session: options.session(session) } : hello;
}

function checkHello(theirs: Hello, ours: Hello, direction: 'inbound' | 'outbound'): number {
  if (theirs.network !== ours.network) {
    const [dialler, listener] = direction === 'inbound' ? [theirs, ours] : [ours, theirs];
    throw new HandshakeRefused(goodbye('network', otherNetwork(dialler, listener)), 'us');
  }
  const { session } = theirs;
  if (ours.session !== undefined && session?.resumed && session.id !== ours.session.id) {
    throw new PeerloomError('ERR_HANDSHAKE', 'the other side answers with another session');
  }
  return agreedVersion(theirs.versions, ours.versions);
}

/** Both sides read it, so it says nothing of this one or the other; what to do comes first, as names may be long. */
function otherNetwork(dialler: Hello, listener: Hello): string {
  const [of, to] = [dialler, listener].map(({ network }) =>
    network === '' ? 'the network without a name' : `the network '${printable(network)}'`,
  );
  return `give both nodes the same network: the node that dials belongs to ${of}, the one that it dials to ${to}`;
}

/**
 * The other side may have accepted already. Then all that follows is to it of the session that goes on, perhaps the rest
 * of a frame; and a new one, which a goodbye would end, comes up over the next link.
 */
function mayGoOn(session: HelloSession | undefined, error: unknown): boolean {
  const isLate = error instanceof PeerloomError && error.code === 'ERR_TIMEOUT';
  return session !== undefined && (session.resumed || isLate);
}

/** The goodbye for an error; undefined if the other side spoke last, or cannot receive it. */
function farewellFor(error: unknown): Goodbye | undefined {
  if (error instanceof HandshakeRefused) return error.by === 'us' ? error.goodbye : undefined;
  // The user's own function threw: it admits nobody.
  if (!(error instanceof PeerloomError)) return goodbye('refused');
  const codes: Partial<Record<string, GoodbyeCode>> = {
    ERR_VERSION: 'version',
    ERR_TIMEOUT: 'timeout',
    ERR_HANDSHAKE: 'protocol',
    ERR_PROTOCOL: 'protocol',
    ERR_MESSAGE_TOO_LARGE: 'protocol',
  };
  const code = codes[error.code];
  return code && goodbye(code, error.message);
}

/** The frames of a handshake, one await at a time, and the bytes behind the last of them. */
class FrameQueue {
  readonly #reader: FrameReader;
  readonly #limits: Limits;
  readonly #failure = Promise.withResolvers<never>();
  #frames: Frame[] = [];
  #rest: Uint8Array[] = [];
  #bytes = 0;
  #isComplete = false;
  #isRestAllowed = false;
  readonly #end: LinkEnd;
  /** What the other side did wrong: it counts for more than the good frames that arrived before it. */
  #breach: unknown;
  #wake = (): void => {};

  constructor(end: LinkEnd, limits: Limits) {
    this.#end = end;
    this.#limits = limits;
    this.#failure.promise.catch(() => {});
    this.#reader = new FrameReader(
      (kind, format, compression, body) => this.#add({ kind, format, compression, body }),
      { maxBodyBytes: limits.maxHandshakeBytes, maxMessageBytes: 0 },
    );
    end.link.onMessage = (bytes) => {
      try {
        this.#push(bytes);
      } catch (error) {
        this.#breach = error;
        this.fail(error);
      }
    };
    end.own((cause) => this.#onLinkClosed(cause));
  }

  /** From here on messages may follow the handshake in one piece. */
  allowRest(): void {
    this.#isRestAllowed = true;
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#reader.stop();
  }

  /** The next frame, which must be of the kind; a goodbye in its place throws. */
  async next(kind: number): Promise<Frame> {
    while (this.#frames.length === 0) {
      const arrival = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await this.unlessFailed(arrival);
    }
    if (this.#breach !== undefined) throw this.#breach;
    const frame = this.#frames.shift()!;
    if (frame.kind === FrameKind.goodbye) throw new HandshakeRefused(decodeGoodbye(frame.body), 'them');
    if (frame.kind !== kind) {
      throw new PeerloomError(
        'ERR_PROTOCOL',
        `a frame of kind ${frame.kind} came where the handshake needs kind ${kind}`,
      );
    }
    return frame;
  }

  /** Waits for a value, or fails with the handshake. */
  async unlessFailed<Value>(value: Value | Promise<Value>): Promise<Value> {
    const settled = await Promise.race([value, this.#failure.promise]);
    if (this.#breach !== undefined) throw this.#breach;
    return settled;
  }

  /** The handshake is done. @returns what takes over the bytes that arrived behind it. */
  finish(): () => readonly Uint8Array[] {
    this.#end.disown();
    return () => this.#rest;
  }

  fail(error: unknown): void {
    this.#failure.reject(error);
  }

  #onLinkClosed(cause: Error | undefined): void {
    const message = 'the other side closed the connection during the handshake';
    const isOurs = cause instanceof PeerloomError; // the transport ended the link, and says why
    this.fail(isOurs ? cause : new PeerloomError('ERR_CONNECTION_CLOSED', message, { cause }));
  }

  #push(bytes: Uint8Array): void {
    const read = this.#isComplete ? 0 : this.#reader.push(bytes);
    if (!this.#isComplete || read === bytes.length) return;
    this.#rest.push(copyOf(bytes, read));
    this.#bytes += bytes.length - read;
    this.#checkAmount();
  }

  #add(frame: Frame): void {
    this.#frames.push(frame);
    this.#bytes += frame.body.length;
    this.#checkAmount();
    if (frame.kind === FrameKind.accept) {
      this.#isComplete = true;
      this.#reader.stop();
    }
    this.#wake();
  }

  #checkAmount(): void {
    const { maxHandshakeBytes } = this.#limits;
    if (!this.#isRestAllowed && this.#bytes > maxHandshakeBytes) {
      throw new PeerloomError(
        'ERR_PROTOCOL',
        `the other side sent more than ${maxHandshakeBytes} bytes before the handshake was complete`,
      );
    }
    if (this.#frames.length > maxHandshakeFrames)
      throw new PeerloomError('ERR_PROTOCOL', 'the other side sent more frames than a handshake has');
  }
}
