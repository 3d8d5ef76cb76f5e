import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { FrameFlag, FrameKind, frameHeaderBytes, isOfLink, maxFrameBodyBytes, readUint32 } from './frame.ts';
import { FrameSkimmer } from './frame-skimmer.ts';
import { allocate } from './memory.ts';
import { MessageParts, place } from './message-parts.ts';

/** A frame as it was read. The bodies of neighbouring frames may share one buffer. */
export interface Frame {
  readonly kind: number;
  readonly format: number;
  readonly compression: number;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Set in place of a body if the frame came over a link that carries data without encoding it. */
  readonly data?: Data;
}

type TakesAtOnce = (
  kind: number,
  format: number,
  compression: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => boolean;

const takesNone: TakesAtOnce = () => false;

/** For fewer missing bytes there is no target: they are read together with what follows. */
const smallestTargetBytes = 4 * 1024;

/** A header, and the total length that follows it in the first frame of a cut message. */
const longestHeaderBytes = frameHeaderBytes + 4;

/**
 * Splits the bytes of a link into frames, and reassembles cut messages. It checks lengths before it keeps anything.
 *
 * `push` throws PeerloomError `ERR_PROTOCOL` or `ERR_MESSAGE_TOO_LARGE`, and what `onFrame` throws. The reader has then
 * stopped: it holds nothing, has no target, and reads nothing more.
 */
export class FrameReader {
  /** Called with each frame, in order. */
  onFrame: (kind: number, format: number, compression: number, body: Uint8Array<ArrayBuffer>) => void;
  /**
   * Takes a message, call or answer that has arrived whole, before anything of it is copied. Its body is in `bytes`
   * from `start` to `end`, only during the call. Returns false to be given it by `onFrame`.
   */
  takesAtOnce: TakesAtOnce = takesNone;
  /** Called with the bytes of memory newly allocated for incomplete frames and messages. */
  onGrowth: (bytes: number) => void = () => {};
  /** The longest body of a single frame. */
  maxBodyBytes: number;
  /** The longest message put together from parts. */
  maxMessageBytes: number;

  #stopped = false;
  /** A copy of the pushed bytes from `#copyStart` on, which whole frames share. Made for the first such frame. */
  #copy: ArrayBuffer | undefined;
  #copyStart = 0;
  /** Bytes pushed before the present ones, not counting frames about the link itself. */
  #countedBytes = 0;
  /** The position at which the present frame began. */
  #frameStart = 0;
  /** Created for the first header that does not arrive together with its body. */
  #header: Uint8Array = empty;
  #headerFilled = 0;

  /** The present frame, if its body did not arrive with its header. */
  #kind = 0;
  #flags = 0;
  #format = 0;
  #compression = 0;
  #remaining = 0;
  #body: Uint8Array<ArrayBuffer> = empty;
  #bodyFilled = 0;

  /** The cut message that is being received. */
  #parts: MessageParts | undefined;

  constructor(
    onFrame: FrameReader['onFrame'],
    limits: { readonly maxBodyBytes?: number; readonly maxMessageBytes: number },
  ) {
    this.onFrame = onFrame;
    this.maxBodyBytes = limits.maxBodyBytes ?? maxFrameBodyBytes;
    this.maxMessageBytes = limits.maxMessageBytes;
  }

  /** Bytes read so far, not counting frames about the link itself ({@link isOfLink}). */
  get readBytes(): number {
    return this.#countedBytes;
  }

  /** How many of them belong to complete frames and complete cut messages. */
  get wholeBytes(): number {
    if (this.#parts !== undefined) return this.#parts.message.start;
    return this.#remaining > 0 || this.#stopped ? this.#frameStart : this.#countedBytes - this.#headerFilled;
  }

  /** Memory allocated for incomplete frames and messages. */
  get heldBytes(): number {
    return this.#body.length + (this.#parts?.heldBytes ?? 0);
  }

  /**
   * The memory for the next bytes, if many of them belong to one body. A link that reads into the target and then
   * pushes it saves a copy. The target is never empty: a socket would ask for another one for ever.
   */
  get target(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#stopped || this.#remaining < smallestTargetBytes) return undefined;
    if (!this.#isOfMessage()) return this.#body.subarray(this.#bodyFilled);
    return this.#parts!.target(this.#remaining);
  }

  /**
   * Prepares for bytes from another link, which begin with a frame or continue a body that is kept. A partial header,
   * and a partial frame about the link itself, are dropped.
   */
  forgetUncounted(): void {
    this.#countedBytes -= this.#headerFilled;
    this.#headerFilled = 0;
    if (this.#remaining === 0 || !isOfLink(this.#kind)) return;
    this.#countedBytes = this.#frameStart;
    this.#remaining = 0;
    this.#body = empty;
  }

  /** Returns a skimmer for what still arrives over the present link. The reader continues with another link. */
  skimmer(): FrameSkimmer {
    return new FrameSkimmer(this.#remaining, this.#header.subarray(0, this.#headerFilled));
  }

  /** Stops reading, and drops the incomplete frame or message. */
  stop(): void {
    if (this.#stopped) return;
    this.#frameStart = this.wholeBytes;
    this.#stopped = true;
    this.#parts = undefined;
    this.#remaining = 0;
    this.#headerFilled = 0;
    this.#body = empty;
  }

  /**
   * Reads the next bytes of the link. It does not keep `bytes`.
   *
   * @returns how many were read: all of them, unless the reader was stopped.
   */
  push(bytes: Uint8Array): number {
    try {
      return this.#read(bytes);
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      this.#copy = undefined;
    }
  }

  #read(bytes: Uint8Array): number {
    let position = 0;
    while (position < bytes.length && !this.#stopped) {
      if (this.#remaining > 0) {
        position += this.#fill(bytes, position);
        continue;
      }
      if (this.#headerFilled === 0) position = this.#readWholeFrames(bytes, position);
      if (position < bytes.length && !this.#stopped) position = this.#readHeader(bytes, position);
    }
    this.#countedBytes += position;
    return position;
  }

  /** The hot path: reads frames that are complete in these bytes. It stops before incomplete and unusual frames. */
  #readWholeFrames(bytes: Uint8Array, from: number): number {
    let position = from;
    let rest = bytes.length - position - frameHeaderBytes;
    const kindsEnd = this.#parts === undefined ? 256 : FrameKind.message;
    while (rest >= 0 && !this.#stopped) {
      const length = readUint32(bytes, position);
      const kind = bytes[position + 4]!;
      const isOdd =
        length > this.maxBodyBytes ||
        bytes[position + 5] !== 0 ||
        kind === FrameKind.part ||
        kind >= kindsEnd;
      if (length > rest || isOdd) break;
      const format = bytes[position + 6]!;
      const compression = bytes[position + 7]!;
      const start = position + frameHeaderBytes;
      const isTaken =
        kind >= FrameKind.message &&
        this.takesAtOnce(kind, format, compression, bytes, start, start + length);
      if (!isTaken) {
        if (this.#copy === undefined) {
          // The copy begins after the header, so that a body that arrived by itself is alone in its memory.
          this.#copy = copyOf(bytes, start);
          this.#copyStart = start;
        }
        const body = new Uint8Array(this.#copy, start - this.#copyStart, length);
        this.onFrame(kind, format, compression, body);
      }
      if (isOfLink(kind)) this.#countedBytes -= frameHeaderBytes + length;
      position += frameHeaderBytes + length;
      rest -= frameHeaderBytes + length;
    }
    return position;
  }

  /** Reads a header that may arrive in pieces, and decides where its body goes. */
  #readHeader(bytes: Uint8Array, from: number): number {
    if (this.#header === empty) this.#header = new Uint8Array(longestHeaderBytes);
    const taken = Math.min(this.#headerBytesNeeded() - this.#headerFilled, bytes.length - from);
    this.#header.set(bytes.subarray(from, from + taken), this.#headerFilled);
    this.#headerFilled += taken;
    if (this.#headerFilled === this.#headerBytesNeeded()) {
      const headerBytes = this.#headerFilled;
      this.#headerFilled = 0;
      this.#frameStart = this.#countedBytes + from + taken - headerBytes;
      this.#begin();
    }
    return from + taken;
  }

  #headerBytesNeeded(): number {
    if (this.#headerFilled < frameHeaderBytes) return frameHeaderBytes;
    return startsMessage(this.#header[4]!, this.#header[5]!) ? longestHeaderBytes : frameHeaderBytes;
  }

  /** Checks a complete header, and allocates memory for its body. */
  #begin(): void {
    const header = this.#header;
    const length = readUint32(header, 0);
    this.#kind = header[4]!;
    this.#flags = header[5]!;
    this.#format = header[6]!;
    this.#compression = header[7]!;
    if (length > this.maxBodyBytes) {
      const message = `a frame has ${length} bytes, but at most ${this.maxBodyBytes} are allowed`;
      throw new PeerloomError('ERR_PROTOCOL', message);
    }
    if (this.#flags > FrameFlag.more) {
      throw new PeerloomError('ERR_PROTOCOL', `unknown frame flags ${this.#flags}`);
    }
    if (this.#parts !== undefined && this.#kind >= FrameKind.message) {
      throw new PeerloomError('ERR_PROTOCOL', 'a message between the parts of another');
    }
    if (this.#kind === FrameKind.part) {
      this.#checkPart(length);
      this.#remaining = length;
    } else if (this.#flags === FrameFlag.more) {
      this.#startMessage(length, readUint32(header, frameHeaderBytes));
      this.#remaining = length - 4;
    } else if (length === 0) {
      this.onFrame(this.#kind, this.#format, this.#compression, empty);
    } else {
      this.#body = this.#setAside(length);
      this.#bodyFilled = 0;
      this.#remaining = length;
    }
  }

  #startMessage(length: number, total: number): void {
    if (this.#kind < FrameKind.message) throw new PeerloomError('ERR_PROTOCOL', 'only messages may be cut');
    if (total > this.maxMessageBytes) {
      throw new PeerloomError(
        'ERR_MESSAGE_TOO_LARGE',
        `a message has ${total} bytes, but at most ${this.maxMessageBytes} are allowed`,
      );
    }
    if (length < 5 || total <= length - 4)
      throw new PeerloomError('ERR_PROTOCOL', 'a cut message without further parts');
    this.#parts = new MessageParts(
      {
        kind: this.#kind,
        format: this.#format,
        compression: this.#compression,
        totalBytes: total,
        start: this.#frameStart,
      },
      (bytes) => this.#setAside(bytes),
    );
  }

  /** Parts must fill the message exactly, and only the last one may end it. */
  #checkPart(length: number): void {
    if (this.#parts === undefined) throw new PeerloomError('ERR_PROTOCOL', 'a part without its message');
    const rest = this.#parts.missingBytes;
    const isLast = this.#flags !== FrameFlag.more;
    if (length === 0 || (isLast ? length !== rest : length >= rest)) {
      throw new PeerloomError(
        'ERR_PROTOCOL',
        'the parts of a message do not fit the length that its beginning announced',
      );
    }
  }

  #isOfMessage(): boolean {
    return this.#kind === FrameKind.part || this.#flags === FrameFlag.more;
  }

  /** Copies the bytes that belong to the present frame. @returns how many. */
  #fill(bytes: Uint8Array, position: number): number {
    const taken = Math.min(this.#remaining, bytes.length - position);
    const piece = bytes.subarray(position, position + taken);
    this.#remaining -= taken;
    if (this.#isOfMessage()) {
      this.#parts!.add(piece);
      if (this.#remaining === 0) this.#endPart();
      return taken;
    }
    place(piece, this.#body, this.#bodyFilled);
    this.#bodyFilled += taken;
    if (this.#remaining === 0) {
      const body = this.#body;
      this.#body = empty;
      this.onFrame(this.#kind, this.#format, this.#compression, body);
      if (isOfLink(this.#kind)) this.#countedBytes -= frameHeaderBytes + body.length;
    }
    return taken;
  }

  #setAside(length: number): Uint8Array<ArrayBuffer> {
    this.onGrowth(length);
    return allocate(length);
  }

  #endPart(): void {
    if (this.#flags === FrameFlag.more) return;
    const { message, body } = this.#parts!;
    this.#parts = undefined;
    this.onFrame(message.kind, message.format, message.compression, body);
  }
}

const empty = new Uint8Array(0);

function copyOf(bytes: Uint8Array, from: number): ArrayBuffer {
  const copy = allocate(bytes.length - from);
  copy.set(bytes.subarray(from));
  return copy.buffer;
}

function startsMessage(kind: number, flags: number): boolean {
  return flags === FrameFlag.more && kind !== FrameKind.part;
}
