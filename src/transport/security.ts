/** What a link promises about who is on the other side and who can read along. */
export interface Security {
  /** What carries the link. */
  readonly protocol: 'tls' | 'tcp' | 'p2pnetwork' | 'memory';
  /** Nobody between the two nodes can read or change what they say. */
  readonly encrypted: boolean;
  /** The id of the other side was proven with its key, not just claimed. */
  readonly authenticated: boolean;
}

/** Whether one link lacks something that the other one promises. */
export function promisesLess(one: Security, other: Security): boolean {
  return (other.encrypted && !one.encrypted) || (other.authenticated && !one.authenticated);
}
