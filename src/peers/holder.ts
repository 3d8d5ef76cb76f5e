/** A reason to keep a connection open. The connection closes when its last holder releases it. */
export const Holder = {
  /** This node's user has asked for it. */
  user: 1,
  /** The other side wants it, for any reason. */
  remote: 2,
  /** The two nodes are neighbours of the overlay, or are about to be. */
  overlay: 4,
  /** A topic of this node needs it. */
  topic: 8,
  /** The other node is an anchor: it passes broadcasts to this node even if all neighbours are liars. */
  anchor: 16,
} as const;
export type Holder = (typeof Holder)[keyof typeof Holder];
