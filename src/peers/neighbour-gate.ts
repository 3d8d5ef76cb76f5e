import type { Priority } from '../wire/frames/hello.ts';

/** Decides which nodes become neighbours, where a node finds its neighbours by itself. */
export interface NeighbourGate {
  /** A node asks in its hello to be a neighbour, or to have this one for an anchor. False refuses the link. */
  admits(id: string, word: Priority | 'anchor'): boolean;
  /** The user wants a connection that was there: the other side learns that this side holds it. */
  held(id: string): void;
}
