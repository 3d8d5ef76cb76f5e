import { resolveIdentity } from '../api/node-identity.ts';
import type { NodeOptions } from '../api/options.ts';
import { checkOptions, checkTimeout, checkWhole } from '../base/arguments.ts';
import { checkRuntime } from '../base/checked-runtime.ts';
import { systemRuntime } from '../base/runtime.ts';
import { Identity } from '../identity/identity.ts';
import { StoredIdentity } from '../identity/identity-store.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { checkVaultOptions, type VaultOptions } from './vault/vault-options.ts';

/** The options of a {@link SecureNode}. Each has a default. */
export interface SecureNodeOptions extends NodeOptions {
  /**
   * Milliseconds that the time of a message may differ from this node's clock, either way. At least 1. Default 600,000:
   * five minutes for clocks, and five for a message that waits for its link to come back (`limits.sessionTimeoutMs`).
   */
  readonly timeWindowMs?: number | undefined;
  /**
   * Messages that the node remembers, to recognise replays. Each takes at most 80 bytes; memory grows as messages come.
   * At least 16. Default 262,144.
   */
  readonly maxSeenMessages?: number | undefined;
  /** Where the vault is stored, and how much it stores for others. Default: in memory. Not for a `Signer`. */
  readonly vault?: VaultOptions | undefined;
}

/** How long to wait for nodes that may not be neighbours. */
export interface SecureWaitOptions {
  /** Milliseconds until the call gives up. Default 5,000. */
  readonly timeoutMs?: number | undefined;
}

/** {@link SecureNodeOptions}, checked; the defaults of `Node` are not added. */
export interface ResolvedSecureOptions {
  readonly timeWindowMs: number;
  readonly maxSeenMessages: number;
  readonly vault: VaultOptions | undefined;
  /** What signs for the node. */
  readonly signer: NodeIdentity;
  /** `undefined` if the node has no private key itself, so that it can only sign. */
  readonly identity: Identity | StoredIdentity | undefined;
  /** The options of `Node`. */
  readonly rest: NodeOptions;
}

const defaults = { timeWindowMs: 600_000, maxSeenMessages: 262_144, timeoutMs: 5_000 } as const;

/** @throws TypeError or RangeError with the option's name, the rule and the value; PeerloomError `ERR_IDENTITY_…`. */
export function resolveSecureOptions(given: SecureNodeOptions): ResolvedSecureOptions {
  const {
    timeWindowMs = defaults.timeWindowMs,
    maxSeenMessages = defaults.maxSeenMessages,
    vault,
    ...rest
  } = given;
  checkWhole('timeWindowMs', timeWindowMs, 1);
  checkWhole('maxSeenMessages', maxSeenMessages, 16);
  if (vault !== undefined) checkVaultOptions(vault);
  if (rest.recorder !== undefined)
    throw new TypeError(
      'recorder is not for a SecureNode: the recording would hold what its vault keeps secret',
    );
  const signer = resolveIdentity(rest.identity, checkRuntime(rest.runtime ?? systemRuntime));
  const isDecrypting = Identity.isGenuine(signer) || signer instanceof StoredIdentity;
  const identity = isDecrypting ? signer : undefined;
  if (identity === undefined && vault !== undefined) {
    throw new TypeError(
      'vault cannot be used with an identity that is a Signer: the vault decrypts with the key of the node',
    );
  }
  return { timeWindowMs, maxSeenMessages, vault, signer, identity, rest };
}

/** Returns the timeout in milliseconds. @throws TypeError or RangeError. */
export function timeoutOf(options: SecureWaitOptions = {}): number {
  checkOptions(options, ['timeoutMs']);
  const { timeoutMs = defaults.timeoutMs } = options;
  checkTimeout(timeoutMs);
  return timeoutMs;
}
