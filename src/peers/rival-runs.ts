/** Runs of one node that are remembered. */
const maxRuns = 8;

/**
 * Which runs of a node gave way to another run of the same node. A restarted node takes the place of its earlier run
 * once, and the earlier run never comes back. If it does come back, two processes use one identity.
 */
export class RivalRuns {
  readonly #replaced = new Set<string>();
  /** They have been told that there is another one. */
  readonly #told = new Set<string>();

  /** The connection of a run was replaced by the connection of another run. */
  replaced(instance: string): void {
    addLatest(this.#replaced, instance);
  }

  /** A run that was replaced and is alive all the same. */
  wasReplaced(instance: string): boolean {
    return this.#replaced.has(instance);
  }

  /** @returns true the first time for each run. */
  tell(instance: string): boolean {
    if (this.#told.has(instance)) return false;
    addLatest(this.#told, instance);
    return true;
  }
}

function addLatest(runs: Set<string>, instance: string): void {
  runs.add(instance);
  if (runs.size <= maxRuns) return;
  const [oldest] = runs;
  runs.delete(oldest!);
}
