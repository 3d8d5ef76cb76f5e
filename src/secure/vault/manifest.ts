import { base64urlnopad } from '@scure/base';
import type { Data } from '../../data.ts';
import { PeerloomError } from '../../errors.ts';
import { type Identity, isPeerId } from '../../identity.ts';
import { hashOf, isHash, signHash, verifyHash } from '../digest.ts';

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

/** A span of versions whose items are encrypted with one key. */
export interface Epoch {
  /** Its number: 1 for the first, then one more with each revocation. */
  readonly epoch: number;
  /** The first version of an item that can be of this epoch; it ends where the next one begins. */
  readonly from: number;
  /** The key, wrapped for the owner and each reader by their ids: HPKE, base64url. */
  readonly wraps: { readonly [id: string]: string };
}

/** Since when somebody may read, and whether also what was written before. */
export interface ReaderInfo {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Older epochs are open as well. */
  readonly history: boolean;
}

/** Who may read a collection, and with which keys. */
export interface CollectionState {
  /** In their order, the current one last. Those that no item is left of may be missing. */
  readonly epochs: readonly Epoch[];
  /** Who may read, by their ids. */
  readonly readers: { readonly [id: string]: ReaderInfo };
  /** The ids of the nodes that keep a copy. */
  readonly replicas: readonly string[];
  /** Items of epochs up to this one are encrypted anew, one after the other; 0: of none. */
  readonly closed: number;
}

/** Where a collection stands: the last entry of its log, and the state that this entry proves. */
export interface Manifest {
  readonly head: LogEntry;
  readonly state: CollectionState;
}

const purpose = 'peerloom-vault-log-1';

/** The next step of a collection, signed. */
export function nextManifest(
  identity: Identity,
  before: { readonly collection: string; readonly head: LogEntry | undefined },
  step: { readonly time: number; readonly change: Change; readonly state: CollectionState },
): Manifest {
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
  const signature = base64urlnopad.encode(signHash(identity, purpose, hash));
  return { head: { ...unsigned, hash, signature }, state: step.state };
}

/**
 * Holds a log to its owner's signatures and to its chain.
 *
 * @param last the entry that the first one must follow; `undefined`: it must be the first of all.
 * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`, `ERR_FORK`.
 */
export function verifyLog(
  log: readonly LogEntry[],
  { owner, collection }: { readonly owner: string; readonly collection: string },
  last: LogEntry | undefined,
): void {
  let before = last;
  for (const entry of log) {
    verifyEntry(entry);
    if (entry.owner !== owner || entry.collection !== collection)
      throw invalid('a log entry of another collection');
    if (entry.sequence !== (before?.sequence ?? 0) + 1) throw invalid('the log has a gap');
    if (entry.previous !== (before?.hash ?? '')) throw forked(entry);
    before = entry;
  }
}

/** What proves that an owner has told two histories, or one of its own that is older. */
export function forked({ collection, sequence }: LogEntry): PeerloomError {
  return new PeerloomError(
    'ERR_FORK',
    `entry ${sequence} of the log of ${collection} is another than before`,
  );
}

/** @throws PeerloomError `ERR_VAULT_INVALID` when the state is not the one that the entry names. */
export function verifyState(state: CollectionState, head: LogEntry): void {
  if (!isState(state) || currentEpoch(state).epoch !== head.epoch)
    throw invalid('the state of a collection has another form');
  if (hashOf(state as unknown as Data) !== head.state)
    throw invalid('the state is not the one that was signed');
}

/** The epoch of a state that a version belongs to. */
export function epochOfVersion(state: CollectionState, version: number): Epoch | undefined {
  return state.epochs.findLast(({ from }) => from <= version);
}

export function currentEpoch(state: CollectionState): Epoch {
  return state.epochs.at(-1)!;
}

/** @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`. */
export function verifyEntry(entry: LogEntry): void {
  const { hash, signature, ...unsigned } = entry;
  const { owner, collection, sequence, previous, time, epoch, state } = unsigned;
  const isForm =
    isHash(hash) &&
    isHash(state) &&
    /^[\w-]{86}$/.test(signature) &&
    typeof collection === 'string' &&
    isCount(sequence) &&
    isCount(time) &&
    isCount(epoch) &&
    (sequence === 1 ? previous === '' : isHash(previous));
  if (!isForm) throw invalid('a log entry has another form');
  if (hashOf(unsigned) !== hash) throw new PeerloomError('ERR_HASH_MISMATCH', 'a log entry was altered');
  if (!verifyHash(owner, purpose, hash, base64urlnopad.decode(signature))) {
    throw new PeerloomError('ERR_SIGNATURE_INVALID', `a log entry was not signed by ${owner}`);
  }
}

function isState({ epochs, readers, replicas, closed }: CollectionState): boolean {
  return (
    isCount(closed) &&
    Array.isArray(epochs) &&
    epochs.length > 0 &&
    epochs.every((one, index) => isEpoch(one) && (index === 0 || isAfter(one, epochs[index - 1]!))) &&
    typeof readers === 'object' &&
    readers !== null &&
    Object.keys(readers).every(isPeerId) &&
    Array.isArray(replicas) &&
    replicas.every(isPeerId)
  );
}

function isEpoch({ epoch, from, wraps }: Epoch): boolean {
  if (!isCount(epoch) || !isCount(from) || typeof wraps !== 'object' || wraps === null) return false;
  return Object.entries(wraps).every(([id, wrap]) => isPeerId(id) && typeof wrap === 'string');
}

function isAfter(one: Epoch, earlier: Epoch): boolean {
  return one.epoch > earlier.epoch && one.from >= earlier.from;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(message: string): PeerloomError {
  return new PeerloomError('ERR_VAULT_INVALID', message);
}
