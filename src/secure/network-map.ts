import type { Envelope } from './envelope.ts';
import { fieldsOf } from './fields.ts';

/** Which nodes are connected with which. */
export interface NetworkMap {
  /** Ids, this node's own first. They include nodes that others name but that did not answer themselves. */
  readonly nodes: readonly string[];
  /** Pairs of nodes of which at least one names the other as its neighbour. Each pair appears once. */
  readonly links: readonly (readonly [string, string])[];
}

/** @param statements lists of neighbours, each of which has been proven to be its author's. */
export function networkMapOf(
  ownId: string,
  neighbours: readonly string[],
  statements: readonly Envelope[],
): NetworkMap {
  const nodes = new Set<string>();
  const links = new Map<string, readonly [string, string]>();
  const add = (id: string, others: readonly string[]): void => {
    nodes.add(id);
    for (const other of others) {
      nodes.add(other);
      const pair = id < other ? ([id, other] as const) : ([other, id] as const);
      links.set(pair.join(' '), pair);
    }
  };
  add(ownId, neighbours);
  for (const { author, data } of statements) add(author, fieldsOf(data).neighbours as string[]);
  return { nodes: [...nodes], links: [...links.values()] };
}
