/** How many runs of one node are remembered. */
const maxRuns = 8;

/**
 * The runs of a node that were replaced by another run of the same node. A restarted node replaces its earlier run
 * once, and the earlier run never returns. If it does return, two processes use one identity.
 */
export class RivalRuns {
  readonly #replaced = new Set<string>();
  /** Runs that were told about the other run. */
  readonly #told = new Set<string>();

  /** The connection of a run was replaced by the connection of another run. */
  replaced(instance: string): void {
    addLatest(this.#replaced, instance);
  }

  /** Whether a run was replaced. If such a run connects, it is still alive. */
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
