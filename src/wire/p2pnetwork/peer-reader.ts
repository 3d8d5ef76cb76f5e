import type { IdRead, IdReader } from './ids.ts';
import { PacketReader, type StreamEnd } from './packet-reader.ts';

/** What a {@link PeerReader} reads. */
export interface PeerReaderEvents {
  /** Once, before any packet. */
  readonly onId: (id: string, port: number) => void;
  /** Each packet without its end; it may be a view into what `push` was given. */
  readonly onPacket: (packet: Uint8Array) => void;
}

/** Reads all that a p2pnetwork node sends on a connection, in whatever pieces it arrives: its id, then packets. */
export class PeerReader {
  readonly #events: PeerReaderEvents;
  readonly #packets: PacketReader;
  #ids: IdReader | undefined;

  constructor(ids: IdReader, maxMessageBytes: number, events: PeerReaderEvents) {
    this.#ids = ids;
    this.#packets = new PacketReader(events.onPacket, maxMessageBytes);
    this.#events = events;
  }

  /**
   * @throws PeerloomError `ERR_HANDSHAKE` or `ERR_MESSAGE_TOO_LARGE`, after which the reader is of no more use.
   */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#ids === undefined) this.#packets.push(bytes);
    else this.#onIdRead(this.#ids.push(bytes));
  }

  /** To be called when nothing has arrived for a while; tells the id if what is there can be one. */
  settle(): void {
    this.#onIdRead(this.#ids?.settle());
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#packets.stop();
  }

  /** What the end of the connection leaves unfinished; `undefined` when there was no id yet. */
  end(): StreamEnd | undefined {
    return this.#ids === undefined ? this.#packets.end() : undefined;
  }

  #onIdRead(read: IdRead | undefined): void {
    if (read === undefined) return;
    this.#ids = undefined;
    this.#events.onId(read.id, read.port);
    this.#packets.push(read.rest);
  }
}
