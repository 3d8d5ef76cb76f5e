import { PeerloomError } from '../base/errors.ts';
import { allocate } from '../wire/frames/memory.ts';

/** Ends a packet. */
export const packetEnd = 0x04;

/** The beginning of a notice before hanging up. Only the end of the connection ends the notice. */
const noticeStart = 'CLOSING:';

/** How a connection ended: between packets, inside one, or after a notice. */
export type StreamEnd =
  | { readonly kind: 'whole' }
  | { readonly kind: 'cut'; readonly bytes: number }
  | { readonly kind: 'notice'; readonly reason: string };

/** The first memory of a packet that arrives in parts. */
const firstAllocationBytes = 4096;

/**
 * Splits the bytes of a p2pnetwork connection, after its ids, into packets. It keeps at most the largest packet that
 * can hold a message of `maxMessageBytes`.
 */
export class PacketReader {
  /** Called with the bytes of memory newly allocated for an incomplete packet. */
  onGrowth: (bytes: number) => void = () => {};

  readonly #onPacket: (packet: Uint8Array) => void;
  readonly #maxPacketBytes: number;
  /** The beginning of a packet whose end has not arrived. */
  #part = empty;
  #filled = 0;
  #stopped = false;

  /** @param onPacket called with each packet, without its end. It may be a view of the argument of `push`. */
  constructor(onPacket: (packet: Uint8Array) => void, maxMessageBytes: number) {
    this.#onPacket = onPacket;
    this.#maxPacketBytes = largestPacket(maxMessageBytes);
  }

  /** @throws PeerloomError `ERR_MESSAGE_TOO_LARGE`. The reader cannot be used after that. */
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

  /** Memory allocated for an incomplete packet. */
  get heldBytes(): number {
    return this.#part.length;
  }

  /** Stops reading. */
  stop(): void {
    this.#stopped = true;
    this.#part = empty;
    this.#filled = 0;
  }

  /** The connection has ended. Returns what was unfinished. */
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

  /** Doubles the memory when needed, so that it never exceeds twice what has arrived. */
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

/** The size of the message that compresses worst, with the name of the compression, in base64 (4 bytes for 3). */
function largestPacket(maxMessageBytes: number): number {
  return Math.ceil((maxMessageBytes * 1.01 + 1024) * (4 / 3));
}

/** The notice that the ancestor's nodes send before they hang up on a node to which they are already connected. */
export function closingNotice(reason: string): Uint8Array {
  return new TextEncoder().encode(`${noticeStart} ${reason}`);
}
