/** How well a link protects what it carries. */
export interface Security {
  /** The protocol of the link: `'tls'`, `'tcp'`, `'p2pnetwork'`, `'memory'`, or the word of another transport. */
  readonly protocol: string;
  /** Whether the link is encrypted: between the two nodes, no other party can read or change what it carries. */
  readonly encrypted: boolean;
  /** Whether the other side has proven its id with its key, and not just claimed it. */
  readonly authenticated: boolean;
}

/** Whether one link lacks a protection that the other link has. */
export function promisesLess(one: Security, other: Security): boolean {
  return (other.encrypted && !one.encrypted) || (other.authenticated && !one.authenticated);
}
