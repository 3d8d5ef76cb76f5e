import type { Data } from '../../base/data.ts';
import { livenessPingId } from '../../channel/liveness.ts';
import { FrameKind, frameHeaderBytes, idBytes, readUint32 } from '../../wire/frames/frame.ts';
import type { ChanceStream } from '../seeded-chance.ts';
import { Task } from '../timer-queue.ts';
import { none, Piece, type PieceKind, type Signal } from './freight.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

/** One end of a way. */
export interface WayEnd {
  readonly index: number;
  readonly region: number;
}

export interface WayOptions {
  readonly from: WayEnd;
  readonly to: WayEnd;
  readonly latencyMs: number;
  /** Names the random stream of this way. */
  readonly entity: string;
}

/** The end of a link at which a way ends. */
export interface Receiver {
  takeBytes(bytes: Uint8Array): void;
  /** Takes a piece of data and the pieces after it out of the freight. Only the first `count` of them have arrived. */
  takeData(first: number, count: number): void;
}

/** The shortest time after which TCP retransmits lost data (RFC 6298, with the minimum of Linux), in milliseconds. */
const minRetransmissionMs = 200;

/**
 * One direction of a link. It delivers pieces in order, each after its delay. As TCP does, it sends lost pieces again:
 * a lost piece arrives later, and so does everything after it.
 */
export class Way extends Task {
  readonly isWatching = true;
  /** Receives bytes and data. Set before any are sent. */
  receiver: Receiver | undefined;
  readonly #network: SimulatedNetwork;
  /** The numbers of the places at both ends. */
  readonly #from: number;
  readonly #to: number;
  /** `undefined` if this way has neither jitter nor loss. */
  readonly #chance: ChanceStream | undefined;
  readonly #latencyMs: number;
  /** The first and the last piece in transit. The freight links each piece to the next. */
  #first = none;
  #last = none;
  /** The step of the world in which data was last sent. Further data of the same step arrives together with it. */
  #dataStep = none;
  /** When the bandwidth is free again: the sender has then sent the last piece. */
  #freeAt = 0;
  #isBlocked = false;
  #isCut = false;
  /** How many of the pieces in transit count as work. */
  #work = 0;

  constructor(network: SimulatedNetwork, { from, to, latencyMs, entity }: WayOptions) {
    super();
    this.#network = network;
    this.#from = from.index;
    this.#to = to.index;
    const { jitterMs, loss } = network.quality;
    this.#chance = jitterMs > 0 || loss > 0 ? network.chance.fresh(entity, 'way') : undefined;
    this.#latencyMs = latencyMs;
  }

  /** Sends a signal: `arrive` is called at the other end, in order with all other pieces. */
  signal(arrive: Signal): void {
    this.#send(Piece.signal, arrive, 0);
  }

  /** Sends bytes. The caller must not use them any more. */
  sendBytes(bytes: Uint8Array): void {
    this.#send(isLivenessFrame(bytes) ? Piece.ping : Piece.bytes, bytes, bytes.length);
  }

  /** Sends data that counts as `bytes` bytes. */
  sendData(data: Data, bytes: number): void {
    const { step, freight } = this.#network;
    const last = this.#last;
    if (this.#dataStep === step && last !== none && freight.kindOf(last) >= Piece.data) {
      this.#last = freight.add(Piece.moreData, data, bytes);
      freight.setNext(last, this.#last);
    } else {
      this.#network.transmissions += 1;
      this.#dataStep = step;
      this.#send(Piece.data, data, bytes);
    }
  }

  #send(kind: PieceKind, content: Uint8Array | Signal | Data, bytes: number): void {
    if (this.#isCut) return;
    const { now, freight } = this.#network;
    const { bytesPerSecond } = this.#network.quality;
    let sentAt = Math.max(now, this.#freeAt);
    if (bytesPerSecond !== Number.POSITIVE_INFINITY) {
      sentAt = this.#freeAt = sentAt + (bytes / bytesPerSecond) * 1_000;
    }
    const at = sentAt + this.#latencyMs + this.#delayMs();
    const piece = freight.add(kind, content, bytes);
    freight.setTime(piece, at);
    if (kind !== Piece.ping) this.#countWork(1);
    const before = this.#last;
    this.#last = piece;
    if (before !== none) {
      freight.setNext(before, piece);
      return;
    }
    this.#first = piece;
    if (!this.#isBlocked) this.#network.expect(at, this);
  }

  /** Drops all pieces in transit. */
  drop(): void {
    this.#forget(this.#first);
    this.#first = this.#last = none;
    this.#countWork(-this.#work);
    this.#network.cancel(this);
  }

  /**
   * Breaks the way. Nothing arrives any more, except for a part of the first piece.
   *
   * @param fraction how much of that piece arrives, from 0 to 1.
   */
  cut(fraction: number): void {
    if (this.#isCut) return;
    this.#isCut = true;
    const first = this.#first;
    if (first !== none && this.#network.freight.kindOf(first) !== Piece.signal) {
      this.#detachFirst();
      this.drop();
      this.#arrive(first, fraction);
    } else {
      this.drop();
    }
  }

  #delayMs(): number {
    if (this.#chance === undefined) return 0;
    const { jitterMs, loss } = this.#network.quality;
    let delayMs = jitterMs * this.#chance.random();
    let retransmissionMs = Math.max(minRetransmissionMs, 2 * this.#latencyMs);
    while (loss > 0 && this.#chance.random() < loss) {
      delayMs += retransmissionMs;
      retransmissionMs *= 2;
    }
    return delayMs;
  }

  /** Counts work in transit. The network does not count work that a partition holds back: it may never arrive. */
  #countWork(more: number): void {
    this.#work += more;
    if (!this.#isBlocked) this.#network.underWay += more;
  }

  /** Called when the first piece is due. */
  run(): void {
    const network = this.#network;
    if (network.blocks.isBlocked(this.#from, this.#to)) {
      this.#isBlocked = true;
      network.underWay -= this.#work;
      network.blocks.wait(() => this.#tryAgain());
      return;
    }
    const first = this.#first;
    const next = this.#detachFirst();
    if (next !== none) network.expect(network.freight.timeOf(next), this);
    if (network.freight.kindOf(first) !== Piece.ping) this.#countWork(-1);
    this.#arrive(first, 1);
  }

  /** Detaches the first piece, with the data that arrives together with it. @returns the new first piece. */
  #detachFirst(): number {
    const { freight } = this.#network;
    let last = this.#first;
    let next = freight.next(last);
    while (next !== none && freight.kindOf(next) === Piece.moreData) {
      last = next;
      next = freight.next(last);
    }
    this.#first = next;
    if (next === none) this.#last = none;
    else freight.setNext(last, none);
    return next;
  }

  /** @param fraction how much of the piece arrives: less than 1 if the way breaks in the middle of it. */
  #arrive(piece: number, fraction: number): void {
    const { freight } = this.#network;
    switch (freight.kindOf(piece)) {
      case Piece.signal:
        (freight.take(piece) as Signal)();
        break;
      case Piece.bytes:
      case Piece.ping: {
        const bytes = freight.take(piece) as Uint8Array;
        const length = Math.floor(bytes.length * fraction);
        this.receiver!.takeBytes(fraction === 1 ? bytes : bytes.subarray(0, length));
        break;
      }
      default: {
        let count = 1;
        if (freight.next(piece) !== none || fraction !== 1) {
          for (let next = freight.next(piece); next !== none; next = freight.next(next)) count += 1;
        }
        this.receiver!.takeData(piece, fraction === 1 ? count : Math.floor(count * fraction));
      }
    }
  }

  #forget(first: number): void {
    const { freight } = this.#network;
    for (let piece = first; piece !== none; ) {
      const next = freight.next(piece);
      freight.take(piece);
      piece = next;
    }
  }

  /** Sends the pieces again that a partition held back. They take the latency again. */
  #tryAgain(): void {
    this.#isBlocked = false;
    this.#network.underWay += this.#work;
    const first = this.#first;
    if (first === none) return;
    const { freight } = this.#network;
    const at = this.#network.now + this.#latencyMs;
    for (let piece = first; piece !== none; piece = freight.next(piece)) {
      freight.setTime(piece, Math.max(freight.timeOf(piece), at));
    }
    this.#network.expect(freight.timeOf(first), this);
  }
}

/** Whether the bytes are an automatic ping of a node, or the answer to one. Pings of users have other numbers. */
function isLivenessFrame(bytes: Uint8Array): boolean {
  if (bytes.length !== frameHeaderBytes + idBytes) return false;
  const kind = bytes[4];
  const isPing = kind === FrameKind.ping || kind === FrameKind.pong;
  return isPing && readUint32(bytes, 0) === idBytes && readUint32(bytes, frameHeaderBytes) === livenessPingId;
}
