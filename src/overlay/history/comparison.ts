import { maxReconciliationBytes } from './history-frames.ts';
import type { KeptBroadcasts } from './kept-broadcasts.ts';
import { Negentropy } from './negentropy/negentropy.ts';
import { idBytes } from './negentropy/ordered-ids.ts';

/** Broadcasts younger than this may still be under way: they are not compared. In milliseconds. */
export const settledAfterMs = 5_000;

/** Messages of this side, at most: so many, and so often what it would take to list all that this side may keep. */
const rounds = { few: 16, lists: 4 };

/**
 * Finds out in which broadcasts above a floor, and up to a time, this node and a peer differ. What comes and goes
 * meanwhile is found the next time, if it is not found this time.
 */
export class Comparison {
  readonly untilUs: number;
  readonly #kept: KeptBroadcasts;
  readonly #have = new Set<string>();
  /** What this node lacks: the start of the range in which the peer listed it. */
  readonly #need = new Map<string, number>();
  #floorUs: number;
  #message: Uint8Array<ArrayBuffer> | undefined;
  #roundsLeft: number;
  #isGivenUp = false;

  /** @param expectsNone whether the two will hardly differ: then one fingerprint of everything comes first. */
  constructor(
    kept: KeptBroadcasts,
    { floorUs, untilUs, expectsNone }: { floorUs: number; untilUs: number; expectsNone: boolean },
  ) {
    this.#kept = kept;
    this.#floorUs = floorUs;
    this.untilUs = untilUs;
    this.#roundsLeft =
      rounds.few + Math.ceil((rounds.lists * kept.capacity.maxMessages * idBytes) / maxReconciliationBytes);
    this.#message = expectsNone ? this.#side.beginWithOne() : this.#side.begin();
  }

  get floorUs(): number {
    return this.#floorUs;
  }

  /** What the peer is to answer next; undefined when there is nothing more to ask. */
  get message(): Uint8Array<ArrayBuffer> | undefined {
    return this.#message;
  }

  /** The peer's answers lead nowhere: too many rounds, or more differences than this node could keep. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Whether the two do not differ. */
  get isEqual(): boolean {
    return this.#message === undefined && !this.#isGivenUp && this.#have.size + this.#need.size === 0;
  }

  /** What the peer lacks, earliest first. */
  get have(): readonly string[] {
    return this.#sorted([...this.#have].map((id) => [id, this.#kept.timeUsOf(id) ?? 0]));
  }

  /** What this node lacks: earliest first, as far as the peer listed it so. */
  get need(): readonly string[] {
    return this.#sorted([...this.#need]);
  }

  /** The peer keeps nothing below this floor: begins again above it. */
  raiseFloor(floorUs: number): void {
    this.#floorUs = Math.max(this.#floorUs, floorUs);
    this.#message = this.#floorUs >= this.untilUs ? undefined : this.#side.begin();
  }

  /** @throws PeerloomError `ERR_PROTOCOL`. */
  answered(answer: Uint8Array): void {
    const { message, have, need } = this.#side.resume(answer);
    for (const id of have) this.#have.add(id);
    for (const { id, fromTimestamp } of need) {
      if (!this.#kept.has(id) && !this.#need.has(id)) this.#need.set(id, fromTimestamp);
    }
    this.#roundsLeft -= 1;
    const isTooMuch = this.#need.size > this.#kept.capacity.maxMessages || this.#roundsLeft === 0;
    this.#isGivenUp = message !== undefined && isTooMuch;
    this.#message = this.#isGivenUp ? undefined : message;
  }

  get #side(): Negentropy {
    const { items, from, to } = this.#kept.between(this.#floorUs, this.untilUs);
    return new Negentropy(items, { from, to, maxMessageBytes: maxReconciliationBytes });
  }

  #sorted(ids: [id: string, timeUs: number][]): readonly string[] {
    return ids.sort(([, one], [, other]) => one - other).map(([id]) => id);
  }
}
