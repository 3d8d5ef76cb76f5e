import { FrameKind, frameHeaderBytes, positionOf, readUint32 } from './frame.ts';

const carryBytes = 8;

/**
 * Skips the frames of a link, which arrive over another link as well, until the other side says that this link carries
 * the session. It keeps nothing.
 */
export class FrameSkimmer {
  /** The missing bytes of the present body. */
  #missing: number;
  readonly #header = new Uint8Array(frameHeaderBytes);
  #headerFilled = 0;
  readonly #body = new Uint8Array(carryBytes);
  #isCarry = false;

  /**
   * @param missing the missing bytes of the body in which skimming begins.
   * @param begun the part of a header in which skimming begins, with what followed it.
   */
  constructor(missing = 0, begun: Uint8Array = new Uint8Array(0)) {
    this.#missing = missing;
    this.push(begun);
  }

  /**
   * @returns the position in the carry frame, and how many bytes were read up to its end. `undefined` if there is none.
   * @throws PeerloomError `ERR_PROTOCOL` for a carry frame without a position.
   */
  push(bytes: Uint8Array): { readonly position: number; readonly read: number } | undefined {
    for (let at = 0; at < bytes.length; ) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, bytes.length - at);
        if (this.#isCarry) this.#body.set(bytes.subarray(at, at + taken), carryBytes - this.#missing);
        this.#missing -= taken;
        at += taken;
      } else {
        const taken = Math.min(frameHeaderBytes - this.#headerFilled, bytes.length - at);
        this.#header.set(bytes.subarray(at, at + taken), this.#headerFilled);
        this.#headerFilled += taken;
        at += taken;
        if (this.#headerFilled < frameHeaderBytes) return undefined;
        this.#begin();
      }
      if (!this.#isCarry || this.#missing > 0) continue;
      this.#isCarry = false;
      return { position: positionOf(this.#body), read: at };
    }
    return undefined;
  }

  #begin(): void {
    const length = readUint32(this.#header, 0);
    this.#headerFilled = 0;
    this.#missing = length;
    this.#isCarry = this.#header[4] === FrameKind.carry;
    if (this.#isCarry && length !== carryBytes) positionOf(new Uint8Array(0));
  }
}
