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
      /** It was made. */
      readonly kind: 'create';
    }
  | {
      /** Somebody was let in. */
      readonly kind: 'grant';
      /** The reader. */
      readonly id: string;
      /** Older epochs were opened as well. */
      readonly history: boolean;
    }
  | {
      /** Somebody was shut out. */
      readonly kind: 'revoke';
      /** Who was a reader. */
      readonly id: string;
      /** All items are encrypted anew. */
      readonly reencrypt: boolean;
    }
  | {
      /** A node was asked to keep a copy, or not to any longer. */
      readonly kind: 'add-replica' | 'remove-replica';
      /** The replica. */
      readonly id: string;
    };

/** One step in the history of a collection, signed by its owner and chained to the step before. */
export interface LogEntry {
  /** The id of the node that made and signed it. */
  readonly owner: string;
  /** The name of the collection. */
  readonly collection: string;
  /** 1 for the first, then one more each time. */
  readonly sequence: number;
  /** The hash of the entry before; empty for the first. */
  readonly previous: string;
  /** Milliseconds since 1970, by the owner's clock. */
  readonly time: number;
  /** What was done. */
  readonly change: Change;
  /** The number of the epoch that the change led to. */
  readonly epoch: number;
  /** The hash of the {@link CollectionState} that the change led to. */
  readonly state: string;
  /** The SHA-256 of the canonical JSON of all the above. */
  readonly hash: string;
  /** The owner's Ed25519 signature of the hash for the purpose `'peerloom-vault-log-1'`, base64url. */
  readonly signature: string;
}

/** Where a collection stands: the last entry of its log, and the state that this entry proves. */
export interface Manifest {
  readonly head: LogEntry;
  readonly state: CollectionState;
}

/** A collection as it stands in the store. */
export interface StoredCollection extends Manifest {
  /** Own collections: the last version given to an item. Replicas: the last one that the owner sent. */
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

/** Where a collection stands before its next step. */
interface Before {
  readonly collection: string;
  readonly head: LogEntry | undefined;
}

/** What an owner does to a collection. */
interface Step {
  readonly time: number;
  readonly change: Change;
  readonly state: CollectionState;
}

/**
 * The next step of a collection, signed.
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
 * Checks that a log is its owner's, and that each entry follows the one before. Stops after each entry.
 *
 * @param last the entry that the first one must follow; `undefined`: it must be the first of all.
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

/** @throws PeerloomError `ERR_VAULT_INVALID` for a gap, `ERR_FORK` where the entry follows another history. */
export function checkFollows(entry: LogEntry, before: LogEntry | undefined): void {
  if (entry.sequence !== (before?.sequence ?? 0) + 1) throw invalid('the log has a gap');
  if (entry.previous !== (before?.hash ?? '')) throw forked(entry);
}

/** What proves that an owner has told two histories, or one of its own that is older. */
export function forked({ collection, sequence }: LogEntry): PeerloomError {
  return new PeerloomError(
    'ERR_FORK',
    `entry ${sequence} of the log of ${collection} differs from the entry that this node has seen`,
  );
}

/**
 * Checks a state against the entry that names its hash. Stops now and then.
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
