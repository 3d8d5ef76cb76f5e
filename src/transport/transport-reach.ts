/** Whether a node has a place at a relay, through which others reach it. */
export interface RelayPlace {
  /** The address of the relay. */
  readonly relay: string;
  /** Whether others reach the node through the relay now. */
  readonly isReserved: boolean;
  /** Why the latest attempt failed; `undefined` where there is a place, or no answer yet. */
  readonly failure: string | undefined;
}

/** A host at which other nodes see this one. */
export interface SeenHost {
  /** The host, an IP address. */
  readonly host: string;
  /** How many nodes that this one dialled see it there. */
  readonly by: number;
}

/** What a transport knows of how others reach its node, for {@link Node.explain}. */
export interface TransportReach {
  /** The relays at which the node has, or wants, a place. */
  readonly relays: readonly RelayPlace[];
  /** The hosts at which the nodes that it dialled see it. */
  readonly seenAt: readonly SeenHost[];
}
