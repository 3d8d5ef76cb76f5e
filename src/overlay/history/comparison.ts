import { maxReconciliationBytes } from './history-frames.ts';
import type { KeptBroadcasts } from './kept-broadcasts.ts';
import { Negentropy } from './negentropy/negentropy.ts';
import { idBytes } from './negentropy/ordered-ids.ts';

/** Broadcasts younger than this are not compared, because they may not have arrived everywhere. In milliseconds. */
export const settledAfterMs = 5_000;

/**
 * The limit for the messages of this side: `few`, plus `lists` times the number of messages that would list everything
 * that this side may keep.
 */
const rounds = { few: 16, lists: 4 };

/**
 * Finds out in which broadcasts above a floor, and up to a time, this node and a peer differ. Broadcasts that are added
 * or removed meanwhile are found now or in the next comparison.
 */
export class Comparison {
  readonly untilUs: number;
  readonly #kept: KeptBroadcasts;
  readonly #have = new Set<string>();
  /** The broadcasts that this node lacks. The value is the start of the range in which the peer listed the id. */
  readonly #need = new Map<string, number>();
  #floorUs: number;
  #message: Uint8Array<ArrayBuffer> | undefined;
  #roundsLeft: number;
  #isGivenUp = false;

  /**
   * @param expectsNone whether the two sides probably do not differ. If so, one fingerprint of everything comes first.
   */
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

  /** The next message for the peer. `undefined` if there is nothing more to ask. */
  get message(): Uint8Array<ArrayBuffer> | undefined {
    return this.#message;
  }

  /** Whether the comparison is given up: too many rounds, or more differences than this node could keep. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Whether the comparison is done and found no difference. */
  get isEqual(): boolean {
    return this.#message === undefined && !this.#isGivenUp && this.#have.size + this.#need.size === 0;
  }

  /** The ids of the broadcasts that the peer lacks, the earliest first. */
  get have(): readonly string[] {
    return this.#sorted([...this.#have].map((id) => [id, this.#kept.timeUsOf(id) ?? 0]));
  }

  /** The ids of the broadcasts that this node lacks, the earliest first. The order within a range is the peer's. */
  get need(): readonly string[] {
    return this.#sorted([...this.#need]);
  }

  /** Begins again above this floor, because the peer keeps nothing below it. */
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
