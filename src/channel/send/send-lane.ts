import { FrameFlag, FrameKind, frameHeaderBytes, readUint32 } from '../../wire/frames/frame.ts';
import { messageCostBytes } from '../../wire/frames/windows.ts';
import { OutgoingFrames, type WaitingPiece } from './outgoing-frames.ts';

/**
 * The messages of one lane, as far as the other side's window allows them: what is beyond it waits here, in its order,
 * and nothing else waits behind it. A message may begin while there is any window left, so that one which is larger
 * than the window can be sent too.
 */
export class SendLane {
  /** Told of what is kept anew. */
  onGrowth: (bytes: number) => void = () => {};
  /**
   * What is left of the other side's window; below 0 when a message passed its end. Counted down, because V8 handles
   * small integers best, and positions become large ones.
   */
  #roomBytes: number;
  /** Where the window ends. */
  #grantedBytes: number;
  /** What waits, from the first time on that something does. Then the window is used up. */
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

  /** @returns false when a message with so long a body must wait in the lane's queue. */
  mayBegin(bodyBytes: number): boolean {
    if (this.#roomBytes <= 0) return false;
    this.#roomBytes -= bodyBytes + messageCostBytes;
    return true;
  }

  /** Where messages wait that may not begin. */
  get queue(): OutgoingFrames {
    if (this.#queue === undefined) {
      this.#queue = new OutgoingFrames();
      this.#queue.onGrowth = this.onGrowth;
    }
    return this.#queue;
  }

  /** The other side has extended its window. Positions that it has passed already say nothing new. */
  extend(position: number, target: OutgoingFrames): void {
    if (position <= this.#grantedBytes) return;
    this.#roomBytes += position - this.#grantedBytes;
    this.#grantedBytes = position;
    if (this.queuedBytes > 0) this.#moveTo(target);
  }

  /** Takes all that waits. */
  takeAll(): readonly WaitingPiece[] {
    return this.#queue?.takeAll() ?? [];
  }

  /** Moves the messages that may begin, whole ones, which go out from there. */
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
      // A piece of one shared frame is never divided. The memory of others is in two hands then: no pool gets it back.
      if (end > 0) target.push({ bytes: bytes.subarray(0, end), chunk: undefined, shared: undefined });
      queue.unshift(end === 0 ? piece : { bytes: bytes.subarray(end), chunk: undefined, shared: undefined });
      return;
    }
  }

  /** Begins the messages in a piece while there is a window. @returns where the first one is that must wait. */
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
