import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { printable } from '../base/printable.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime } from '../base/runtime.ts';
import { FrameKind, smallFrame } from '../wire/frames/frame.ts';
import { encodeGoodbye, type Goodbye, type GoodbyeCode, goodbye } from '../wire/frames/goodbye.ts';
import {
  agreedVersion,
  decodeHello,
  encodeHello,
  type Hello,
  type HelloSession,
} from '../wire/frames/hello.ts';
import { joined } from '../wire/frames/memory.ts';
import { HandshakeFrames } from './handshake-frames.ts';
import { HandshakeRefused } from './handshake-refused.ts';
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
  /** Ends the handshake. The signal's reason is a {@link HandshakeRefused}. */
  readonly signal?: AbortSignal;
  /** Set if there is no room. The other side is refused before anything is read. */
  readonly refusal?: Goodbye | undefined;
  /** Called once, when the other side is known. A goodbye refuses it. */
  readonly admit: (theirs: Hello) => Goodbye | undefined | Promise<Goodbye | undefined>;
  /** The accepting side's answer to the session that the other side asks for. */
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
  /** Returns the bytes that arrived after the handshake. Called once, by the next reader of the link. */
  readonly takeRest: () => readonly Uint8Array[];
}

/** Milliseconds that a refused side has to read the reason. */
const refusalFlushMs = 1_000;

/**
 * Does the handshake over a link, after which messages can flow. Ends the link if the handshake fails.
 *
 * @throws HandshakeRefused, or PeerloomError `ERR_HANDSHAKE`, `ERR_PROTOCOL`, `ERR_TIMEOUT`, `ERR_CONNECTION_CLOSED`.
 */
export async function shakeHands(end: LinkEnd, options: HandshakeOptions): Promise<Handshake> {
  const { link } = end;
  const { direction, hello, limits, runtime, refusal: noRoom } = options;
  const frames = new HandshakeFrames(end, limits);
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

/** Both sides show this text, so it does not say "this side". The advice comes first, because names can be long. */
function otherNetwork(dialler: Hello, listener: Hello): string {
  const [of, to] = [dialler, listener].map(({ network }) =>
    network === '' ? 'the network without a name' : `the network '${printable(network)}'`,
  );
  return `give both nodes the same network: the node that dials belongs to ${of}, the one that it dials to ${to}`;
}

/**
 * Whether the other side may have accepted already. This side must not say goodbye then: the other side would read the
 * goodbye as part of the resumed session, perhaps as the rest of a frame. A goodbye would also end a new session, which
 * otherwise resumes over the next link.
 */
function mayGoOn(session: HelloSession | undefined, error: unknown): boolean {
  const isLate = error instanceof PeerloomError && error.code === 'ERR_TIMEOUT';
  return session !== undefined && (session.resumed || isLate);
}

/** The goodbye for an error. `undefined` if the other side ended the handshake, or cannot receive a goodbye. */
function farewellFor(error: unknown): Goodbye | undefined {
  if (error instanceof HandshakeRefused) return error.by === 'us' ? error.goodbye : undefined;
  // The user's own function threw, so the peer is not admitted.
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
