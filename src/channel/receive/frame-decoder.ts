import type { Data } from '../../base/data.ts';
import type { Outcome } from '../../base/decompression-turns.ts';
import type { PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { alone, OwnMemory } from '../../wire/frames/own-memory.ts';
import { decodePayload, isDataItself } from '../../wire/payloads/payload.ts';
import type { ChannelHandler } from '../channel.ts';

/** The data of a frame. */
export interface Decoded {
  readonly data: Data;
  readonly format: number;
  /** The payload, decompressed. */
  readonly plain: Uint8Array;
}

export interface FrameDecoderOptions {
  readonly limits: Limits;
  /** The other side sent what no honest peer sends. */
  readonly onAbuse: (error: PeerloomError) => void;
}

/** Reads the data of frames; what cannot be decoded is told to the user, and counted. */
export class FrameDecoder {
  /** Where the bytes go that users receive. */
  readonly ownMemory = new OwnMemory();
  /** Told of what cannot be decoded; there before anything is. */
  handler!: ChannelHandler;
  readonly #options: FrameDecoderOptions;

  constructor(options: FrameDecoderOptions) {
    this.#options = options;
  }

  /** @returns undefined when it cannot be decoded. */
  decode(frame: Frame, payload: Outcome): Decoded | undefined {
    const { format } = frame;
    try {
      const given = payload();
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
}
