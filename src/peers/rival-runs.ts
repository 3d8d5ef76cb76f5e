/** Nodes whose runs are remembered; past that the node whose runs changed least recently is forgotten. */
const maxNodes = 1_000;

/** Runs of one node that are remembered. */
const maxRuns = 8;

interface Runs {
  /** Their connection was replaced by that of another run. */
  readonly replaced: Set<string>;
  /** They have been told that there is another one. */
  readonly told: Set<string>;
}

/**
 * Which runs of a node gave way to another run of the same node. A restarted node takes the place of its earlier run
 * once, and the earlier run never comes back. If it does come back, two processes use one identity.
 */
export class RivalRuns {
  readonly #nodes = new Map<string, Runs>();

  /** The connection of a run was replaced by the connection of another run. */
  replaced(id: string, instance: string): void {
    const runs = this.#nodes.get(id) ?? { replaced: new Set(), told: new Set() };
    // The latest stands last.
    this.#nodes.delete(id);
    this.#nodes.set(id, runs);
    keepLatest(this.#nodes, maxNodes);
    runs.replaced.add(instance);
    keepLatest(runs.replaced, maxRuns);
  }

  /** A run that was replaced and is alive all the same. */
  wasReplaced(id: string, instance: string): boolean {
    return this.#nodes.get(id)?.replaced.has(instance) === true;
  }

  /** @returns true the first time for each run. */
  tell(id: string, instance: string): boolean {
    const told = this.#nodes.get(id)?.told;
    if (told === undefined || told.has(instance)) return false;
    told.add(instance);
    keepLatest(told, maxRuns);
    return true;
  }
}

function keepLatest(collection: Map<string, unknown> | Set<string>, max: number): void {
  for (const oldest of collection.keys()) {
    if (collection.size <= max) break;
    collection.delete(oldest);
  }
}
