/** Milliseconds after its latest broadcast at which an origin makes way for another one. */
const shapesForMs = 10_000;

/**
 * Chooses the origin whose broadcasts may cut the tree: of those that send now, the one with the smallest id. All nodes
 * hear of the same ones, so nearly all choose the same.
 *
 * A broadcast that comes twice shows a cycle, and cuts it. Broadcasts of several origins that are under way at once would
 * cut the same cycle in several places, and so cut off nodes; these mend the tree in several places, which makes new
 * cycles. With 50 broadcasts a second, this never came to rest.
 */
export class Shaper {
  #origin: string | undefined;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  /** A broadcast of an origin is here for the first time. */
  heard(origin: string, nowMs: number): void {
    const isCurrent = this.#origin !== undefined && nowMs - this.#heardAtMs <= shapesForMs;
    if (isCurrent && origin > this.#origin!) return;
    this.#origin = origin;
    this.#heardAtMs = nowMs;
  }

  /** Whether repeated broadcasts of an origin cut the tree. */
  cuts(origin: string): boolean {
    return origin === this.#origin;
  }
}
