import type { Priority } from '../wire/frames/hello.ts';

/** Decides which nodes become neighbours, if the node chooses its neighbours automatically. */
export interface NeighbourGate {
  /** A node asks in its hello to become a neighbour, or to use this node as an anchor. False refuses the link. */
  admits(id: string, word: Priority | 'anchor'): boolean;
  /** The user wants an existing connection. The other side is told that this side holds it. */
  held(id: string): void;
}
