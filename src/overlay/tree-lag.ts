/** The weight of a broadcast that was less late than the current lag. */
const weight = 1 / 16;

/**
 * Measures how long after their first announcement broadcasts arrive over the tree: the longest recent delay, in
 * milliseconds. A path over the tree may have many more links than the path of an announcement.
 */
export class TreeLag {
  #lagMs = 0;

  get ms(): number {
    return this.#lagMs;
  }

  /**
   * A broadcast arrived without the node having asked for it.
   *
   * @param lateMs the time since its first announcement, in milliseconds. 0 if no peer had announced it.
   */
  arrived(lateMs: number): void {
    this.#lagMs = Math.max(lateMs, this.#lagMs + (lateMs - this.#lagMs) * weight);
  }
}
