/** Which nodes of a network dial which. */
export type Topology = 'mesh' | 'line' | 'ring' | 'star' | 'none';

/** For each connection, the numbers of the node that dials and of the node that is dialled. */
type Dials = (count: number) => [from: number, to: number][];

/** The function that lists the dials of each topology. */
export const topologies: Readonly<Record<Topology, Dials>> = {
  mesh: (count) => numbers(count).flatMap((from) => numbers(from).map((to): [number, number] => [from, to])),
  line: (count) => numbers(count - 1).map((to) => [to + 1, to]),
  ring: (count) => [...topologies.line(count), ...(count > 2 ? [[0, count - 1] as [number, number]] : [])],
  star: (count) => numbers(count - 1).map((index) => [index + 1, 0]),
  none: () => [],
};

/** The whole numbers from 0 to `count - 1`. */
function numbers(count: number): number[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => index);
}
