/** The weight of a broadcast that was less late than those before it. */
const weight = 1 / 16;

/**
 * How long after others have announced them broadcasts arrive over the tree: the longest of the latest ones, in
 * milliseconds. A path over the tree may have many more links than the path of an announcement.
 */
export class TreeLag {
  #lagMs = 0;

  get ms(): number {
    return this.#lagMs;
  }

  /**
   * A broadcast arrived, and not because the node had asked for it.
   *
   * @param lateMs time since it was first announced, in milliseconds; 0: nobody had announced it.
   */
  arrived(lateMs: number): void {
    this.#lagMs = Math.max(lateMs, this.#lagMs + (lateMs - this.#lagMs) * weight);
  }
}
