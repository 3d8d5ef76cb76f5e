import { FrameFlag, FrameKind, frameHeaderBytes, readUint32 } from '../../wire/frames/frame.ts';
import { messageCostBytes } from '../../wire/frames/windows.ts';
import { OutgoingFrames, type WaitingPiece } from './outgoing-frames.ts';

/**
 * Sends the messages of one lane as far as the other side's window allows. Later messages wait here, in order; other
 * lanes do not wait for them. A message may begin while any window is left, so that a message larger than the window
 * can be sent too.
 */
export class SendLane {
  /** Called with the bytes that are newly kept. */
  onGrowth: (bytes: number) => void = () => {};
  /**
   * What is left of the other side's window. Below 0 once a message went past the window's end. The counter counts down
   * because V8 handles small integers best, and positions become large.
   */
  #roomBytes: number;
  /** Where the window ends. */
  #grantedBytes: number;
  /** The waiting messages. Created when the window is first used up. */
  #queue: OutgoingFrames | undefined;

  constructor(windowBytes: number) {
    this.#roomBytes = this.#grantedBytes = windowBytes;
  }

  get queuedBytes(): number {
    return this.#queue === undefined ? 0 : this.#queue.bytes;
  }

  get heldBytes(): number {
    return this.#queue?.heldBytes ?? 0;
  }

  /** @returns false if a message with a body of this length must wait in {@link SendLane.queue}. */
  mayBegin(bodyBytes: number): boolean {
    if (this.#roomBytes <= 0) return false;
    this.#roomBytes -= bodyBytes + messageCostBytes;
    return true;
  }

  /** The queue of messages that may not begin yet. */
  get queue(): OutgoingFrames {
    if (this.#queue === undefined) {
      this.#queue = new OutgoingFrames();
      this.#queue.onGrowth = this.onGrowth;
    }
    return this.#queue;
  }

  /** The other side has extended its window. A position that it has already passed has no effect. */
  extend(position: number, target: OutgoingFrames): void {
    if (position <= this.#grantedBytes) return;
    this.#roomBytes += position - this.#grantedBytes;
    this.#grantedBytes = position;
    if (this.queuedBytes > 0) this.#moveTo(target);
  }

  /** Removes and returns everything that waits. */
  takeAll(): readonly WaitingPiece[] {
    return this.#queue?.takeAll() ?? [];
  }

  /** Moves whole messages that may begin to `target`, which sends them. */
  #moveTo(target: OutgoingFrames): void {
    const { queue } = this;
    queue.seal();
    target.seal();
    for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) {
      const { bytes } = piece;
      const end = this.#begin(bytes);
      if (end === bytes.length) {
        target.push(piece);
        continue;
      }
      // A shared frame is never divided. Any other piece is now in two hands, so its memory does not return to a pool.
      if (end > 0) target.push({ bytes: bytes.subarray(0, end), chunk: undefined, shared: undefined });
      queue.unshift(end === 0 ? piece : { bytes: bytes.subarray(end), chunk: undefined, shared: undefined });
      return;
    }
  }

  /**
   * Begins the messages in a piece while there is a window. @returns the offset of the first message that must wait.
   */
  #begin(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length) {
      const length = readUint32(bytes, at);
      // The parts of a message follow its beginning.
      if (bytes[at + 4] !== FrameKind.part) {
        const isCut = bytes[at + 5] === FrameFlag.more;
        if (!this.mayBegin(isCut ? readUint32(bytes, at + frameHeaderBytes) : length)) break;
      }
      at += frameHeaderBytes + length;
    }
    return at;
  }
}
