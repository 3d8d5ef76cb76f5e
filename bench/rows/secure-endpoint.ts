import type { System } from '../system.ts';
import type { SecureEndpoint, SecurePlan } from '../systems/secure-node.ts';

/** A SecureNode that is linked with one other at most, and exchanges no messages of the row's own. */
export async function createSecureEndpoint(
  system: System,
  options: Pick<SecurePlan, 'vaultPath'> = {},
): Promise<SecureEndpoint> {
  const plan: SecurePlan = {
    traffic: 'none',
    messageBytes: 100,
    maxLinks: 1,
    onMessage: () => {},
    onPiece: () => {},
    ...options,
  };
  return (await system.createEndpoint(plan)) as SecureEndpoint;
}
