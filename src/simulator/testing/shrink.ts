import type { Fault, NodeNumbers, TimedFault } from '../faults/fault.ts';
import { minimize } from './minimize.ts';

/** The nodes that are made and the faults that happen, in a world of a certain seed. */
export interface Case {
  readonly nodes: readonly number[];
  readonly faults: readonly TimedFault[];
}

/**
 * Looks for a smaller case that fails like a given one: with the fewest faults, then with the fewest nodes, and in each
 * fault with the fewest nodes.
 *
 * Each entity and purpose has a stream of chance of its own, so that everything else stays the same without a node or a
 * fault.
 *
 * @param fails whether a case fails in the same way. The given one does.
 */
export async function shrink(given: Case, fails: (smaller: Case) => Promise<boolean>): Promise<Case> {
  let { nodes, faults } = given;
  const shrinkFaults = async (): Promise<void> => {
    faults = await minimize(faults, (part) => fails({ nodes, faults: part }));
  };
  await shrinkFaults();
  // Leaves out the last nodes first: programs often treat the first nodes specially.
  const least = await minimize(nodes.toReversed(), (part) =>
    fails({ nodes: part.toReversed(), faults: among(part, faults) }),
  );
  nodes = least.toReversed();
  faults = among(nodes, faults);
  await shrinkFaults();
  for (const [index, { at, fault }] of faults.entries()) {
    if (!('nodes' in fault)) continue;
    const others = fault.nodes;
    const concerned = await minimize(others, (part) =>
      fails({ nodes, faults: faults.with(index, { at, fault: { ...fault, nodes: part } }) }),
    );
    faults = faults.with(index, { at, fault: { ...fault, nodes: concerned } });
  }
  return { nodes, faults };
}

/** What is left of faults where some of the nodes are not there. */
function among(nodes: readonly number[], faults: readonly TimedFault[]): TimedFault[] {
  const here = new Set(nodes);
  const kept = (indexes: NodeNumbers): NodeNumbers => indexes.filter((index) => here.has(index));
  return faults.flatMap(({ at, fault }) => {
    const left = withNodes(fault, kept);
    return left === undefined ? [] : [{ at, fault: left }];
  });
}

/** @returns undefined: it happens to no node. */
function withNodes(fault: Fault, kept: (indexes: NodeNumbers) => NodeNumbers): Fault | undefined {
  if ('nodes' in fault) {
    const nodes = kept(fault.nodes);
    return nodes.length === 0 ? undefined : { ...fault, nodes };
  }
  if (fault.kind === 'cut') {
    const from = kept(fault.from);
    const to = fault.to === undefined ? undefined : kept(fault.to);
    if (from.length === 0 || to?.length === 0) return undefined;
    return { kind: 'cut', from, ...(to && { to }) };
  }
  if (fault.kind === 'partition') {
    const groups = fault.groups.map(kept);
    return groups.every(({ length }) => length === 0) ? undefined : { ...fault, groups };
  }
  return fault;
}
