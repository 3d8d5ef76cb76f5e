import { PeerloomError } from '../base/errors.ts';
import { allocate } from '../wire/frames/memory.ts';

/** Ends a packet. */
export const packetEnd = 0x04;

/** A notice to a node that is being hung up on; nothing ends it but the end of the connection. */
const noticeStart = 'CLOSING:';

/** How a connection ended: between packets, inside one, or after a notice. */
export type StreamEnd =
  | { readonly kind: 'whole' }
  | { readonly kind: 'cut'; readonly bytes: number }
  | { readonly kind: 'notice'; readonly reason: string };

/** The memory of a packet that came in parts grows from here. */
const firstAllocationBytes = 4096;

/**
 * Cuts the bytes of a p2pnetwork connection, after its ids, into packets. What it keeps is bounded by the largest
 * packet that can hold a message of `maxMessageBytes`.
 */
export class PacketReader {
  /** Told of the memory that is set aside for what has not arrived whole. */
  onGrowth: (bytes: number) => void = () => {};

  readonly #onPacket: (packet: Uint8Array) => void;
  readonly #maxPacketBytes: number;
  /** The beginning of a packet whose end has not arrived. */
  #part = empty;
  #filled = 0;
  #stopped = false;

  /** @param onPacket Called with each packet, without its end; it may be a view into what `push` was given. */
  constructor(onPacket: (packet: Uint8Array) => void, maxMessageBytes: number) {
    this.#onPacket = onPacket;
    this.#maxPacketBytes = largestPacket(maxMessageBytes);
  }

  /** @throws PeerloomError `ERR_MESSAGE_TOO_LARGE`, after which the reader is of no more use. */
  push(bytes: Uint8Array): void {
    let start = 0;
    while (!this.#stopped) {
      const end = bytes.indexOf(packetEnd, start);
      const piece = bytes.subarray(start, end === -1 ? bytes.length : end);
      this.#checkSize(piece.length);
      if (end === -1) {
        this.#keep(piece);
        return;
      }
      this.#onPacket(this.#filled === 0 ? piece : this.#complete(piece));
      start = end + 1;
    }
  }

  /** Memory set aside for what has not arrived whole. */
  get heldBytes(): number {
    return this.#part.length;
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#stopped = true;
    this.#part = empty;
    this.#filled = 0;
  }

  /** What the end of the connection leaves unfinished. */
  end(): StreamEnd {
    if (this.#filled === 0) return { kind: 'whole' };
    const rest = new TextDecoder().decode(this.#part.subarray(0, Math.min(this.#filled, 1024)));
    if (!rest.startsWith(noticeStart)) return { kind: 'cut', bytes: this.#filled };
    return { kind: 'notice', reason: rest.slice(noticeStart.length).trim() };
  }

  #checkSize(more: number): void {
    if (this.#filled + more <= this.#maxPacketBytes) return;
    const message = `a packet of more than ${this.#maxPacketBytes} bytes: raise limits.maxMessageBytes to receive larger messages`;
    throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
  }

  #complete(piece: Uint8Array): Uint8Array {
    this.#keep(piece);
    const packet = this.#part.subarray(0, this.#filled);
    this.#part = empty;
    this.#filled = 0;
    return packet;
  }

  /** Doubles the memory as needed, so that it is never more than twice what has arrived. */
  #keep(piece: Uint8Array): void {
    const needed = this.#filled + piece.length;
    if (needed > this.#part.length) {
      const length = Math.max(needed, 2 * this.#part.length, firstAllocationBytes);
      const grown = allocate(Math.min(this.#maxPacketBytes, length));
      this.onGrowth(grown.length);
      grown.set(this.#part.subarray(0, this.#filled));
      this.#part = grown;
    }
    this.#part.set(piece, this.#filled);
    this.#filled = needed;
  }
}

const empty = new Uint8Array(0);

/** The message that compresses worst, the name of the compression, and base64, which makes 4 bytes of 3. */
function largestPacket(maxMessageBytes: number): number {
  return Math.ceil((maxMessageBytes * 1.01 + 1024) * (4 / 3));
}

/** What the ancestor's nodes say before they hang up on a node that they are connected with already. */
export function closingNotice(reason: string): Uint8Array {
  return new TextEncoder().encode(`${noticeStart} ${reason}`);
}
