import { base64urlnopad } from '@scure/base';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Steps } from '../../base/steps.ts';
import { type Identity, isPeerId } from '../../identity/identity.ts';
import { type NodeIdentity, whenSigned } from '../../identity/signer.ts';
import { hashOf, hashSteps, isHash, signHash, verifyHash } from '../digest.ts';
import { type CollectionState, currentEpoch, isState } from './collection-state.ts';
import { hasFields, isCount, isName } from './vault-arguments.ts';

/** What an owner did to a collection. */
export type Change =
  | {
      /** The collection was created. */
      readonly kind: 'create';
    }
  | {
      /** A reader was added. */
      readonly kind: 'grant';
      /** The id of the reader. */
      readonly id: string;
      /** Whether the reader may also read older epochs. */
      readonly history: boolean;
    }
  | {
      /** A reader was removed. */
      readonly kind: 'revoke';
      /** The id of the node that was a reader. */
      readonly id: string;
      /** Whether all items are encrypted again with the new key. */
      readonly reencrypt: boolean;
    }
  | {
      /** A node was asked to keep a copy, or to delete it. */
      readonly kind: 'add-replica' | 'remove-replica';
      /** The id of the replica. */
      readonly id: string;
    };

/** One step in the history of a collection, signed by its owner and chained to the step before. */
export interface LogEntry {
  /** The id of the node that wrote and signed the entry. */
  readonly owner: string;
  /** The name of the collection. */
  readonly collection: string;
  /** The number of the entry: 1 for the first, and 1 more for each further one. */
  readonly sequence: number;
  /** The hash of the previous entry. Empty for the first. */
  readonly previous: string;
  /** Milliseconds since 1970, by the owner's clock. */
  readonly time: number;
  /** The change that the owner made. */
  readonly change: Change;
  /** The number of the epoch that the change led to. */
  readonly epoch: number;
  /** The hash of the {@link CollectionState} that the change led to. */
  readonly state: string;
  /** The SHA-256 of the canonical JSON of all fields above. */
  readonly hash: string;
  /** The owner's Ed25519 signature of the hash for the purpose `'peerloom-vault-log-1'`, base64url. */
  readonly signature: string;
}

/** The last entry of a collection's log, and the state that this entry proves. */
export interface Manifest {
  readonly head: LogEntry;
  readonly state: CollectionState;
}

/** A collection in the store. */
export interface StoredCollection extends Manifest {
  /** For own collections the last version assigned to an item, for replicas the last version that the owner sent. */
  readonly version: number;
}

const purpose = 'peerloom-vault-log-1';
const entryFields = [
  'owner',
  'collection',
  'sequence',
  'previous',
  'time',
  'change',
  'epoch',
  'state',
  'hash',
  'signature',
] as const satisfies readonly (keyof LogEntry)[];

/** A collection before its next change. */
interface Before {
  readonly collection: string;
  readonly head: LogEntry | undefined;
}

/** A change that an owner makes to a collection. */
interface Step {
  readonly time: number;
  readonly change: Change;
  readonly state: CollectionState;
}

/**
 * Returns the next log entry of a collection, signed, and its state.
 *
 * @returns a promise if the key of the identity signs asynchronously.
 */
export function nextManifest(identity: Identity, before: Before, step: Step): Manifest;
export function nextManifest(
  identity: NodeIdentity,
  before: Before,
  step: Step,
): Manifest | Promise<Manifest>;
export function nextManifest(
  identity: NodeIdentity,
  before: Before,
  step: Step,
): Manifest | Promise<Manifest> {
  const { collection, head } = before;
  const unsigned = {
    owner: identity.id,
    collection,
    sequence: (head?.sequence ?? 0) + 1,
    previous: head?.hash ?? '',
    time: step.time,
    change: step.change,
    epoch: currentEpoch(step.state).epoch,
    state: hashOf(step.state as unknown as Data),
  };
  const hash = hashOf(unsigned);
  return whenSigned(signHash(identity, purpose, hash), (bytes) => {
    const signature = base64urlnopad.encode(bytes);
    return { head: { ...unsigned, hash, signature }, state: step.state };
  });
}

/**
 * Checks that a log is its owner's, and that each entry follows the previous one. Pauses after each entry.
 *
 * @param last the entry that the first one must follow. `undefined` if it must be the first of the log.
 * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`, `ERR_FORK`.
 */
export function* verifyLog(
  log: readonly LogEntry[],
  { owner, collection }: { readonly owner: string; readonly collection: string },
  last: LogEntry | undefined,
): Steps<void> {
  let before = last;
  for (const entry of log) {
    verifyEntry(entry);
    if (entry.owner !== owner || entry.collection !== collection)
      throw invalid('a log entry of another collection');
    checkFollows(entry, before);
    before = entry;
    yield;
  }
}

/** @throws PeerloomError `ERR_VAULT_INVALID` for a gap, `ERR_FORK` if the entry follows another history. */
export function checkFollows(entry: LogEntry, before: LogEntry | undefined): void {
  if (entry.sequence !== (before?.sequence ?? 0) + 1) throw invalid('the log has a gap');
  if (entry.previous !== (before?.hash ?? '')) throw forked(entry);
}

/**
 * The error for an entry which proves that an owner has signed two histories, for example after it restored an older
 * copy of its vault.
 */
export function forked({ collection, sequence }: LogEntry): PeerloomError {
  return new PeerloomError(
    'ERR_FORK',
    `entry ${sequence} of the log of ${collection} differs from the entry that this node has seen`,
  );
}

/**
 * Checks a state against the entry that has its hash. Pauses between steps.
 *
 * @throws PeerloomError `ERR_VAULT_INVALID`.
 */
export function* verifyState(state: CollectionState, head: LogEntry): Steps<void> {
  const isKnownForm = yield* isState(state);
  if (!isKnownForm || currentEpoch(state).epoch !== head.epoch)
    throw invalid('the state of a collection is malformed, or too large');
  if ((yield* hashSteps(state as unknown as Data)) !== head.state)
    throw invalid('the state is not the one that the owner signed');
}

/** @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`. */
export function verifyEntry(entry: LogEntry): void {
  const { hash, signature, ...unsigned } = entry;
  const { owner, collection, sequence, previous, time, epoch, state } = unsigned;
  const isForm =
    hasFields(entry, entryFields) &&
    isHash(hash) &&
    isHash(state) &&
    /^[\w-]{86}$/.test(signature) &&
    isName(collection) &&
    isChange(entry.change) &&
    isCount(sequence) &&
    isCount(time) &&
    isCount(epoch) &&
    (sequence === 1 ? previous === '' : isHash(previous));
  if (!isForm) throw invalid('a log entry is malformed');
  if (hashOf(unsigned) !== hash) throw new PeerloomError('ERR_HASH_MISMATCH', 'a log entry was altered');
  if (!verifyHash(owner, purpose, hash, base64urlnopad.decode(signature))) {
    throw new PeerloomError('ERR_SIGNATURE_INVALID', `a log entry was not signed by ${owner}`);
  }
}

function isChange(change: Change): boolean {
  switch (change?.kind) {
    case 'create':
      return hasFields(change, ['kind']);
    case 'grant':
      return (
        hasFields(change, ['kind', 'id', 'history']) &&
        isPeerId(change.id) &&
        typeof change.history === 'boolean'
      );
    case 'revoke':
      return (
        hasFields(change, ['kind', 'id', 'reencrypt']) &&
        isPeerId(change.id) &&
        typeof change.reencrypt === 'boolean'
      );
    case 'add-replica':
    case 'remove-replica':
      return hasFields(change, ['kind', 'id']) && isPeerId(change.id);
  }
  return false;
}

function invalid(message: string): PeerloomError {
  return new PeerloomError('ERR_VAULT_INVALID', message);
}
