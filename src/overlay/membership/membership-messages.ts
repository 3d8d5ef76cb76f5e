/** A message between two neighbours about the nodes of their network. */
export type MembershipMessage<Contact> =
  /** The answer to a node that joins. */
  | { readonly kind: 'joinReply'; readonly isNeighbour: boolean; readonly contacts: readonly Contact[] }
  /** A random walk that brings a new node to `hopsLeft` further nodes. */
  | { readonly kind: 'forwardJoin'; readonly contact: Contact; readonly hopsLeft: number }
  /** A random walk to a node with which the walk's origin exchanges contacts. */
  | {
      readonly kind: 'shuffle';
      readonly walk: number;
      readonly hopsLeft: number;
      readonly contacts: readonly Contact[];
    }
  /** The answer to a walk. It returns along the path of the walk. */
  | { readonly kind: 'shuffleReply'; readonly walk: number; readonly contacts: readonly Contact[] };

/** The message of one kind. */
export type OfMessage<Kind extends MembershipMessage<unknown>['kind'], Contact> = Extract<
  MembershipMessage<Contact>,
  { readonly kind: Kind }
>;
