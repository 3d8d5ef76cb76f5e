import type { RuntimeTimer } from '../../base/runtime.ts';
import type { ChanceStream } from '../seeded-chance.ts';
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
  /** Names the chance of this way. */
  readonly entity: string;
}

/** Something on its way. */
export interface Cargo {
  /** When it could be there, if nothing before it were still under way; the way decides. */
  at: number;
  /** What was sent after it; the way decides. */
  next: Cargo | undefined;
  readonly bytes: number;
  /** Whether something may depend on it. Nothing depends on pings that nodes send by themselves. */
  readonly isWork: boolean;
  /** @param fraction of its bytes that get through: less than 1 where the way breaks in the middle. */
  arrive(fraction: number): void;
}

/** The shortest time after which TCP sends again what was lost (RFC 6298, as Linux has it), in milliseconds. */
const minRetransmissionMs = 200;

/**
 * One direction of a link: what goes in comes out in order, each piece after its time. What is lost on the way is sent
 * again, as TCP does: it comes later, and so does everything behind it.
 */
export class Way {
  readonly #network: SimulatedNetwork;
  /** The numbers of the places at its ends. */
  readonly #from: number;
  readonly #to: number;
  /** Undefined where nothing on this way is left to chance. */
  readonly #chance: ChanceStream | undefined;
  readonly #latencyMs: number;
  /** Under way, each with its successor. */
  #first: Cargo | undefined;
  #last: Cargo | undefined;
  /** When the sender has sent the last piece, at its bandwidth. */
  #freeAt = 0;
  /** The timer of the first item. */
  #arrival: RuntimeTimer | undefined;
  #isBlocked = false;
  #isCut = false;
  /** How many of the items under way are work. */
  #work = 0;

  constructor(network: SimulatedNetwork, { from, to, latencyMs, entity }: WayOptions) {
    this.#network = network;
    this.#from = from.index;
    this.#to = to.index;
    const { jitterMs, loss } = network.quality;
    this.#chance = jitterMs > 0 || loss > 0 ? network.chance.fresh(entity, 'way') : undefined;
    this.#latencyMs = latencyMs;
  }

  /** Sends something small; `arrive` is called when it is at the other end, in order. */
  signal(arrive: () => void): void {
    this.send({ at: 0, next: undefined, bytes: 0, isWork: true, arrive });
  }

  /** Sends something, which arrives in order. */
  send(cargo: Cargo): void {
    if (this.#isCut) return;
    const { now } = this.#network;
    const { bytesPerSecond } = this.#network.quality;
    let sentAt = Math.max(now, this.#freeAt);
    if (bytesPerSecond !== Number.POSITIVE_INFINITY) {
      sentAt = this.#freeAt = sentAt + (cargo.bytes / bytesPerSecond) * 1_000;
    }
    const at = sentAt + this.#latencyMs + this.#delayMs();
    cargo.at = at;
    if (cargo.isWork) this.#countWork(1);
    const before = this.#last;
    this.#last = cargo;
    if (before !== undefined) {
      before.next = cargo;
      return;
    }
    this.#first = cargo;
    if (!this.#isBlocked) this.#expect(at);
  }

  /** What was sent last, while it is under way. */
  get last(): Cargo | undefined {
    return this.#last;
  }

  /** Drops what is under way. */
  drop(): void {
    this.#first = this.#last = undefined;
    this.#countWork(-this.#work);
    this.#arrival?.cancel();
  }

  /**
   * Breaks the way: nothing arrives any more, but for the part of the first piece that is `fraction` of it.
   */
  cut(fraction: number): void {
    if (this.#isCut) return;
    this.#isCut = true;
    const first = this.#first;
    this.drop();
    if (first !== undefined && first.bytes > 0) first.arrive(fraction);
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

  /** What is held back does not count for the network: it may never arrive. */
  #countWork(more: number): void {
    this.#work += more;
    if (!this.#isBlocked) this.#network.underWay += more;
  }

  #expect(at: number): void {
    this.#arrival = this.#network.at(at, this.#arrive);
  }

  readonly #arrive = (): void => {
    const network = this.#network;
    if (network.blocks.isBlocked(this.#from, this.#to)) {
      this.#isBlocked = true;
      network.underWay -= this.#work;
      network.blocks.wait(() => this.#tryAgain());
      return;
    }
    const cargo = this.#first!;
    const { next } = cargo;
    this.#first = next;
    if (next === undefined) this.#last = undefined;
    else this.#expect(Math.max(next.at, network.now));
    if (cargo.isWork) this.#countWork(-1);
    cargo.arrive(1);
  };

  /** What was held back is sent once more, and takes its time. */
  #tryAgain(): void {
    this.#isBlocked = false;
    this.#network.underWay += this.#work;
    const first = this.#first;
    if (first === undefined) return;
    const at = this.#network.now + this.#latencyMs;
    for (let cargo: Cargo | undefined = first; cargo !== undefined; cargo = cargo.next) {
      cargo.at = Math.max(cargo.at, at);
    }
    this.#expect(first.at);
  }
}
