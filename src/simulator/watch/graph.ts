/** Which nodes are connected, by number. `graph.get(a)` contains `b` if and only if `graph.get(b)` contains `a`. */
export type Graph = ReadonlyMap<number, ReadonlySet<number>>;

/** How many connections the nodes have. */
export interface Degrees {
  /** The smallest. */
  readonly min: number;
  /** The mean. */
  readonly mean: number;
  /** The largest. */
  readonly max: number;
  /** `histogram[d]`: how many nodes have `d` connections. */
  readonly histogram: readonly number[];
}

/** The lengths of the shortest paths between nodes that reach each other, in connections. */
export interface PathLengths {
  /** The mean. */
  readonly mean: number;
  /** The largest. It is the diameter if paths were measured from all nodes. */
  readonly max: number;
  /** From how many nodes the paths to all other nodes were measured. */
  readonly sources: number;
}

export function degreesOf(graph: Graph): Degrees {
  const degrees = [...graph.values()].map(({ size }) => size);
  if (degrees.length === 0) return { min: 0, mean: 0, max: 0, histogram: [] };
  const histogram: number[] = [];
  let max = 0;
  let sum = 0;
  for (const degree of degrees) {
    max = Math.max(max, degree);
    sum += degree;
  }
  for (let degree = 0; degree <= max; degree++) histogram.push(0);
  for (const degree of degrees) histogram[degree]! += 1;
  return { min: histogram.findIndex((count) => count > 0), mean: sum / degrees.length, max, histogram };
}

/**
 * The mean of the local clustering coefficients (Watts and Strogatz 1998). The coefficient of a node is the share of
 * the pairs of its neighbours that are neighbours of each other. Nodes with fewer than two neighbours count as 0.
 */
export function clusteringOf(graph: Graph): number {
  if (graph.size === 0) return 0;
  let sum = 0;
  for (const neighbours of graph.values()) {
    if (neighbours.size < 2) continue;
    let ends = 0;
    for (const one of neighbours) {
      for (const other of graph.get(one)!) if (neighbours.has(other)) ends += 1;
    }
    sum += ends / (neighbours.size * (neighbours.size - 1));
  }
  return sum / graph.size;
}

/**
 * @param maxSources the most nodes from which to measure, evenly spread. All nodes of a large network take too long.
 */
export function pathLengthsOf(graph: Graph, maxSources: number): PathLengths {
  const nodes = [...graph.keys()];
  const sources = Math.min(maxSources, nodes.length);
  let sum = 0;
  let pairs = 0;
  let max = 0;
  for (let count = 0; count < sources; count++) {
    const source = nodes[Math.floor((count * nodes.length) / sources)]!;
    for (const distance of distancesFrom(graph, source).values()) {
      if (distance === 0) continue;
      sum += distance;
      pairs += 1;
      max = Math.max(max, distance);
    }
  }
  return { mean: pairs === 0 ? 0 : sum / pairs, max, sources };
}

/** The sizes of the connected components, the largest first. */
export function componentsOf(graph: Graph): number[] {
  const seen = new Set<number>();
  const sizes: number[] = [];
  for (const node of graph.keys()) {
    if (seen.has(node)) continue;
    const part = distancesFrom(graph, node);
    for (const one of part.keys()) seen.add(one);
    sizes.push(part.size);
  }
  return sizes.sort((one, other) => other - one);
}

function distancesFrom(graph: Graph, source: number): Map<number, number> {
  const distances = new Map([[source, 0]]);
  // A loop over a Map also visits entries that are added during the loop.
  for (const [node, distance] of distances) {
    for (const neighbour of graph.get(node)!) {
      if (!distances.has(neighbour)) distances.set(neighbour, distance + 1);
    }
  }
  return distances;
}
