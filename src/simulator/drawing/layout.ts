import {
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
  type SimulationNodeDatum,
} from 'd3-force';

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** How many links d3 processes in all steps together. Larger graphs get fewer steps; otherwise they take minutes. */
const linkSteps = 1_500_000;

/**
 * Places nodes inside a square, so that linked nodes are near each other. The same graph always gets the same places,
 * because d3 uses its own random generator with a fixed seed.
 *
 * @param links pairs of indices of nodes.
 */
export function layout(
  count: number,
  links: readonly (readonly [number, number])[],
  { size }: { readonly size: number },
): Place[] {
  const nodes: SimulationNodeDatum[] = Array.from({ length: count }, () => ({}));
  const ends = links.map(([source, target]) => ({ source, target }));
  const steps = Math.max(30, Math.min(300, Math.floor(linkSteps / (links.length + count + 1))));
  forceSimulation(nodes)
    .force('link', forceLink(ends).distance(30))
    .force('apart', forceManyBody().strength(-40).theta(1.2))
    .force('overlap', forceCollide(4))
    .force('x', forceX().strength(0.06))
    .force('y', forceY().strength(0.06))
    .alphaDecay(1 - 0.001 ** (1 / steps))
    .stop()
    .tick(steps);
  return fitted(
    nodes.map(({ x = 0, y = 0 }) => ({ x, y })),
    size,
  );
}

function fitted(places: readonly Place[], size: number): Place[] {
  const scale = size / 2 / reach(places);
  const inside = (value: number): number => Math.min(size, Math.max(0, size / 2 + value * scale));
  return places.map(({ x, y }) => ({ x: inside(x), y: inside(y) }));
}

/** The distance from the middle that is drawn at full size. A few far places must not make the others small. */
function reach(places: readonly Place[]): number {
  const distances = places.map(({ x, y }) => Math.max(Math.abs(x), Math.abs(y)));
  distances.sort((one, other) => one - other);
  const most = distances[Math.floor((distances.length - 1) * 0.98)] ?? 0;
  return Math.max(1, Math.min(distances.at(-1) ?? 0, 1.25 * most));
}
