import type { Data } from '../../base/data.ts';
import type { Decompress, DecompressionTurns, Outcome } from '../../base/decompression-turns.ts';
import type { PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { LoopTurns } from '../../base/loop-turns.ts';
import type { Runtime } from '../../base/runtime.ts';
import { runPaced } from '../../base/steps.ts';
import { decompress } from '../../wire/compression/compression.ts';
import { FrameKind, idBytes } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { alone, OwnMemory } from '../../wire/frames/own-memory.ts';
import {
  decodePayload,
  isDataItself,
  neverLongBytes,
  payloadSteps,
  takesLong,
} from '../../wire/payloads/payload.ts';
import type { ChannelHandler } from '../channel.ts';
import type { Inbox } from './inbox.ts';

/** The data of a frame. */
export interface Decoded {
  readonly data: Data;
  readonly format: number;
  /** The payload, decompressed. */
  readonly plain: Uint8Array;
}

export interface PayloadReaderOptions {
  readonly limits: Limits;
  /** Shared by all connections of the node. */
  readonly turns: DecompressionTurns;
  /** Called when the other side sends something that no honest peer sends. */
  onAbuse(error: PeerloomError): void;
}

/** A part of the channel whose frames' payloads the reader decodes. */
export interface PayloadUser {
  readonly runtime: Runtime;
  /** The queue of its frames. They are read one at a time. */
  readonly inbox: Inbox;
  /** Called before a payload is decompressed, and again before it is decoded. */
  isWanted(frame: Frame): boolean;
  /** Receives the data, or `undefined` if the payload could not be decoded. */
  receive(frame: Frame, decoded: Decoded | undefined): undefined | Promise<unknown>;
}

/**
 * Decompresses and decodes the payloads of frames. Decompression waits for its turn, and long payloads are decoded in
 * steps. A payload that cannot be decoded is reported to the user, and counted.
 */
export class PayloadReader {
  /** Memory for bytes that users receive. */
  readonly ownMemory = new OwnMemory();
  /** Receives reports of payloads that cannot be decoded. Set before the first frame is read. */
  handler!: ChannelHandler;
  readonly #options: PayloadReaderOptions;
  /** Frames that are being decoded in steps. Made for the first such frame. */
  #inSteps: Map<PayloadUser, Frame> | undefined;

  constructor(options: PayloadReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads a frame for its user, now or later. @returns what {@link PayloadUser.receive} returns, or a promise of it.
   */
  read(user: PayloadUser, frame: Frame): undefined | Promise<unknown> {
    if (!user.isWanted(frame)) return undefined;
    if (frame.compression === 0) return this.#give(user, frame, payloadOf(frame));
    const { turns } = this.#options;
    return user.inbox.heldWhile(frame.body.length, () =>
      turns.run(user, this.#decompressionOf(frame), (payload) => {
        if (!user.isWanted(frame)) return undefined;
        const plain = this.#decompressed(payload);
        return plain === undefined ? user.receive(frame, undefined) : this.#give(user, frame, plain);
      }),
    );
  }

  /** Drops the frame that is being decoded for this user. */
  cancel(user: PayloadUser): void {
    this.#inSteps?.delete(user);
    this.#options.turns.cancel(user);
  }

  /**
   * Decodes an uncompressed payload in `bytes` from `start` to `end`.
   *
   * @returns `undefined` if the payload cannot be decoded.
   */
  dataAt(format: number, bytes: Uint8Array, start: number, end: number): Data | undefined {
    const plain = isDataItself(format) ? this.ownMemory.take(bytes, start, end) : partOf(bytes, start, end);
    try {
      return decodePayload(format, plain, this.#options.limits);
    } catch (error) {
      this.handler.rejected(error as Error);
      return undefined;
    }
  }

  /** @param payload the decompressed payload of the frame. @returns `undefined` if it cannot be decoded. */
  decode(frame: Frame, payload: Uint8Array): Decoded | undefined {
    const { format } = frame;
    if (frame.data !== undefined) return { data: frame.data, format, plain: payload };
    const plain = isDataItself(format) ? this.#owned(frame, payload) : payload;
    try {
      return { data: decodePayload(format, plain, this.#options.limits), format, plain };
    } catch (error) {
      this.handler.rejected(error as Error);
      return undefined;
    }
  }

  #give(user: PayloadUser, frame: Frame, plain: Uint8Array): undefined | Promise<unknown> {
    if (!takesLong(frame.format, plain)) return user.receive(frame, this.decode(frame, plain));
    this.#inSteps ??= new Map();
    this.#inSteps.set(user, frame);
    // The text, or what has been decoded so far.
    user.inbox.takeInHand(plain.length + frame.body.length);
    return this.#giveInSteps(user, frame, plain);
  }

  /** A half-decoded message can take 50 times its size, so only one is decoded at a time, among all connections. */
  async #giveInSteps(user: PayloadUser, frame: Frame, plain: Uint8Array): Promise<unknown> {
    const { format } = frame;
    const isLeft = (): boolean => this.#inSteps!.get(user) !== frame;
    const pause = (): undefined | Promise<void> => {
      if (isLeft()) throw new Error('nobody wants the message any more');
      return user.inbox.pause();
    };
    let decoded: Decoded | undefined;
    try {
      const data = await LoopTurns.of(user.runtime).oneByOne.run(async () => {
        await pause();
        return runPaced(payloadSteps(format, plain, this.#options.limits), { pause });
      });
      decoded = { data, format, plain };
    } catch (error) {
      if (!isLeft()) this.handler.rejected(error as Error);
    }
    if (isLeft() || !user.isWanted(frame)) return undefined;
    this.#inSteps!.delete(user);
    return user.receive(frame, decoded);
  }

  #decompressed(payload: Outcome): Uint8Array | undefined {
    try {
      return payload();
    } catch (error) {
      this.handler.rejected(error as Error);
      // A few bytes can cost half a second here, and an attacker would repeat it.
      if ((error as PeerloomError).code === 'ERR_DECOMPRESSION')
        this.#options.onAbuse(error as PeerloomError);
      return undefined;
    }
  }

  /** A binary payload for the user, in memory that nothing else uses. */
  #owned({ compression }: Frame, payload: Uint8Array): Uint8Array {
    // Decompressed data shares its memory with nothing else, but the memory may end with bytes that were never written.
    return compression === 0 ? this.ownMemory.takeWhole(payload) : alone(payload);
  }

  #decompressionOf(frame: Frame): Decompress {
    const { maxMessageBytes } = this.#options.limits;
    return (pace) => decompress(payloadOf(frame), frame.compression, maxMessageBytes, pace);
  }
}

/** A view of some of the bytes. */
export function partOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** Whether decoding the payload of a frame takes several turns of the event loop. */
export function isSlow(frame: Frame): boolean {
  return frame.compression !== 0 || takesLong(frame.format, payloadOf(frame));
}

/** The same for an uncompressed payload in `bytes`. */
export function isSlowAt(format: number, bytes: Uint8Array, start: number, end: number): boolean {
  return end - start > neverLongBytes && takesLong(format, partOf(bytes, start, end));
}

/** The payload of a frame as it arrived, without the number before it. */
export function payloadOf({ kind, body }: Frame): Uint8Array {
  return kind === FrameKind.message ? body : body.subarray(idBytes);
}
