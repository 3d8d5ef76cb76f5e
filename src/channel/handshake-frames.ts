import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { FrameKind } from '../wire/frames/frame.ts';
import { type Frame, FrameReader } from '../wire/frames/frame-reader.ts';
import { decodeGoodbye } from '../wire/frames/goodbye.ts';
import { copyOf } from '../wire/frames/own-memory.ts';
import { HandshakeRefused } from './handshake-refused.ts';
import type { LinkEnd } from './link-end.ts';

/** What one side may say in a handshake: hello, accept, goodbye. */
const maxHandshakeFrames = 3;

/** Reads the frames of a handshake one by one, and keeps the bytes that arrive after the last frame. */
export class HandshakeFrames {
  readonly #reader: FrameReader;
  readonly #limits: Limits;
  readonly #failure = Promise.withResolvers<never>();
  #frames: Frame[] = [];
  #rest: Uint8Array[] = [];
  #bytes = 0;
  #isComplete = false;
  #isRestAllowed = false;
  readonly #end: LinkEnd;
  /** The other side's violation. It takes precedence over good frames that arrived before it. */
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

  /** From now on, messages may arrive in the same piece as the last frame of the handshake. */
  allowRest(): void {
    this.#isRestAllowed = true;
  }

  /** Stops reading. */
  stop(): void {
    this.#reader.stop();
  }

  /** Resolves with the next frame, which must be of this kind. Rejects if a goodbye arrives instead. */
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

  /** Waits for a value. Rejects if the handshake fails first. */
  async unlessFailed<Value>(value: Value | Promise<Value>): Promise<Value> {
    const settled = await Promise.race([value, this.#failure.promise]);
    if (this.#breach !== undefined) throw this.#breach;
    return settled;
  }

  /** Ends the handshake. @returns a function that returns the bytes that arrived after it. */
  finish(): () => readonly Uint8Array[] {
    this.#end.disown();
    return () => this.#rest;
  }

  fail(error: unknown): void {
    this.#failure.reject(error);
  }

  #onLinkClosed(cause: Error | undefined): void {
    const message = 'the other side closed the connection during the handshake';
    const isOurs = cause instanceof PeerloomError; // the transport ended the link and gives the reason
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
