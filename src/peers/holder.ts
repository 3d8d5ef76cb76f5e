/** A reason to keep a connection open. The connection closes when its last holder releases it. */
export const Holder = {
  /** The user has asked for it, here. */
  user: 1,
  /** The other side wants it, for whatever reason. */
  remote: 2,
  /** The two nodes are neighbours of the overlay, or are about to be. */
  overlay: 4,
  /** A topic of this node needs it. */
  topic: 8,
  /** This node has chosen the other one for an anchor: a node to hear broadcasts from if all its neighbours are liars. */
  anchor: 16,
} as const;
export type Holder = (typeof Holder)[keyof typeof Holder];
