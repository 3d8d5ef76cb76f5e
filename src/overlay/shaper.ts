/** How long after its latest broadcast an origin may be replaced by another one, in milliseconds. */
const shapesForMs = 10_000;

/**
 * Chooses the origin whose broadcasts may cut the tree: the origin with the smallest id among those that send now. All
 * nodes hear the same origins, so nearly all nodes choose the same one.
 *
 * A broadcast that arrives twice shows a cycle, and cuts it. Simultaneous broadcasts of several origins would cut the
 * same cycle in several places, and so cut off nodes. These nodes would repair the tree in several places, which makes
 * new cycles. With 50 broadcasts a second, the tree never became stable.
 */
export class Shaper {
  #origin: string | undefined;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  /** A broadcast of an origin has arrived for the first time. */
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
