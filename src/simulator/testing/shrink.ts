import type { Fault, NodeNumbers, TimedFault } from '../faults/fault.ts';
import { minimize } from './minimize.ts';

/** The nodes that are created and the faults that happen in a world with a certain seed. */
export interface Case {
  readonly nodes: readonly number[];
  readonly faults: readonly TimedFault[];
}

/**
 * Looks for a smaller case that fails like the given case: first with the fewest faults, then with the fewest nodes,
 * then with the fewest nodes in each fault.
 *
 * Each entity and purpose has its own random stream, so everything else stays the same if a node or a fault is left
 * out.
 *
 * @param fails resolves with whether a case fails in the same way. The given case must.
 */
export async function shrink(given: Case, fails: (smaller: Case) => Promise<boolean>): Promise<Case> {
  let { nodes, faults } = given;
  const shrinkFaults = async (): Promise<void> => {
    faults = await minimize(faults, (part) => fails({ nodes, faults: part }));
  };
  await shrinkFaults();
  // The last nodes are left out first, because programs often treat the first nodes specially.
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

/** The faults that remain if only these nodes exist. */
function among(nodes: readonly number[], faults: readonly TimedFault[]): TimedFault[] {
  const here = new Set(nodes);
  const kept = (indexes: NodeNumbers): NodeNumbers => indexes.filter((index) => here.has(index));
  return faults.flatMap(({ at, fault }) => {
    const left = withNodes(fault, kept);
    return left === undefined ? [] : [{ at, fault: left }];
  });
}

/** @returns the fault with only the kept nodes. `undefined` if no node is left. */
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
