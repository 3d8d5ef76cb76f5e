import type { Data } from '../../base/data.ts';
import type { Decompress, DecompressionTurns, Outcome } from '../../base/decompression-turns.ts';
import type { PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { decompress } from '../../wire/compression/compression.ts';
import { FrameKind, idBytes } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { alone, OwnMemory } from '../../wire/frames/own-memory.ts';
import { decodePayload, isDataItself } from '../../wire/payloads/payload.ts';
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
  /** Those of all connections of the node. */
  readonly turns: DecompressionTurns;
  /** The other side sent what no honest peer sends. */
  onAbuse(error: PeerloomError): void;
}

/** Whoever has the payloads of frames read. */
export interface PayloadUser {
  /** Where its frames wait: one is read at a time. */
  readonly inbox: Inbox;
  /** Asked before a payload is decompressed, and again before it is decoded. */
  isWanted(frame: Frame): boolean;
  /** Takes what was read. `undefined`: the payload cannot be decoded. */
  take(frame: Frame, decoded: Decoded | undefined): undefined | Promise<unknown>;
}

/**
 * Reads the payloads of frames: compressed ones in turn with everything else that must be decompressed. What cannot be
 * decoded is reported to the user, and counted.
 */
export class PayloadReader {
  /** Where the bytes go that users receive. */
  readonly ownMemory = new OwnMemory();
  /** Told of what cannot be decoded; there before anything is. */
  handler!: ChannelHandler;
  readonly #options: PayloadReaderOptions;

  constructor(options: PayloadReaderOptions) {
    this.#options = options;
  }

  /** Reads a frame for its user, now or later. @returns what {@link PayloadUser.take} returns, or a promise of it. */
  read(user: PayloadUser, frame: Frame): undefined | Promise<unknown> {
    if (!user.isWanted(frame)) return undefined;
    if (frame.compression === 0) return user.take(frame, this.decode(frame));
    const { turns } = this.#options;
    return user.inbox.heldWhile(frame.body.length, () =>
      turns.take(user, this.#decompressionOf(frame), (payload) =>
        user.isWanted(frame) ? user.take(frame, this.decode(frame, payload)) : undefined,
      ),
    );
  }

  /** What a user waits for is wanted no more. */
  leave(user: PayloadUser): void {
    this.#options.turns.leave(user);
  }

  /**
   * The data of an uncompressed payload that lies in arriving `bytes` from `start` to `end`.
   *
   * @returns undefined when it cannot be decoded.
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

  /** @param payload where it was compressed. @returns undefined when it cannot be decoded. */
  decode(frame: Frame, payload?: Outcome): Decoded | undefined {
    const { format } = frame;
    try {
      const given = payload === undefined ? payloadOf(frame) : payload();
      const plain = isDataItself(format) ? this.#owned(frame, given) : given;
      return { data: decodePayload(format, plain, this.#options.limits), format, plain };
    } catch (error) {
      this.handler.rejected(error as Error);
      // A few bytes can cost half a second here, which an attacker would repeat.
      if ((error as PeerloomError).code === 'ERR_DECOMPRESSION')
        this.#options.onAbuse(error as PeerloomError);
      return undefined;
    }
  }

  /** A payload that the user receives as it is, in memory of its own. */
  #owned({ compression }: Frame, payload: Uint8Array): Uint8Array {
    // Memory that was decompressed into holds nothing else of the connection, but may end with what nobody wrote.
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

/** What a frame holds behind its number, as it came. */
function payloadOf({ kind, body }: Frame): Uint8Array {
  return kind === FrameKind.message ? body : body.subarray(idBytes);
}
