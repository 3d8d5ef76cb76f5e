import type { Steps } from '../../base/steps.ts';
import { isPeerId } from '../../identity/identity.ts';
import { hasFields, isCount } from './vault-arguments.ts';
import { maxStateLength } from './vault-limits.ts';

/** A collection and its owner. */
export interface CollectionName {
  readonly owner: string;
  readonly collection: string;
}

/** A span of versions whose items are encrypted with one key. */
export interface Epoch {
  /** The number of the epoch: 1 for the first, and 1 more with each revocation. */
  readonly epoch: number;
  /** The first version of an item of this epoch. The epoch ends before the first version of the next one. */
  readonly from: number;
  /** The key of the epoch, wrapped with HPKE for the owner and each reader, by their ids, in base64url. */
  readonly wraps: { readonly [id: string]: string };
}

/** Since when a node may read, and whether it may also read what was written before. */
export interface ReaderInfo {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Whether the reader may also read older epochs. */
  readonly history: boolean;
}

/** The readers of a collection, and its keys. */
export interface CollectionState {
  /** The epochs in their order, the current one last. Epochs without items may be missing. */
  readonly epochs: readonly Epoch[];
  /** The readers by their ids. */
  readonly readers: { readonly [id: string]: ReaderInfo };
  /** The ids of the nodes that keep a copy. */
  readonly replicas: readonly string[];
  /** The items of epochs up to this one are being encrypted again with the current key. 0 if there are none. */
  readonly closed: number;
}

/** The most characters of a wrap: 80 bytes are 107 characters of base64url. */
const maxWrapLength = 107;
/** Characters of a wrap in a state's JSON, including the reader's id and the punctuation around both. */
const wrapLength = 165;
/** Characters of a reader in a state's JSON, and of anything else. */
const readerLength = 110;
const otherLength = 80;
/** The number of ids that are checked in one step, which takes about two milliseconds. */
const idsInOneStep = 256;

/** An upper estimate of the characters of the state's JSON. It may be at most {@link maxStateLength}. */
export function stateLength({ epochs, readers, replicas }: CollectionState): number {
  const wraps = epochs.reduce((sum, epoch) => sum + Object.keys(epoch.wraps).length, 0);
  return (
    wraps * wrapLength +
    Object.keys(readers).length * readerLength +
    (epochs.length + replicas.length + 1) * otherLength
  );
}

/** The epoch that a version belongs to. */
export function epochOfVersion(state: CollectionState, version: number): Epoch | undefined {
  return state.epochs.findLast(({ from }) => from <= version);
}

export function currentEpoch(state: CollectionState): Epoch {
  return state.epochs.at(-1)!;
}

/** Whether another node's data has the form of a state and is not too large. Pauses between steps. */
export function* isState(state: CollectionState): Steps<boolean> {
  return isOutline(state) && stateLength(state) <= maxStateLength && (yield* hasTrueParts(state));
}

/**
 * Whether the parts of a state that are checked quickly have the right form. It comes first, so that nothing is
 * computed for a state that is too large.
 */
function isOutline(state: CollectionState): boolean {
  return (
    hasFields(state, ['epochs', 'readers', 'replicas', 'closed']) &&
    isCount(state.closed) &&
    Array.isArray(state.epochs) &&
    state.epochs.length > 0 &&
    state.epochs.every(
      (one, index) => isEpoch(one) && (index === 0 || isAfter(one, state.epochs[index - 1]!)),
    ) &&
    isPlainObject(state.readers) &&
    Array.isArray(state.replicas)
  );
}

function* hasTrueParts({ epochs, readers, replicas }: CollectionState): Steps<boolean> {
  const known = new Set<string>();
  const ids = [...epochs.flatMap(({ wraps }) => Object.keys(wraps)), ...Object.keys(readers), ...replicas];
  for (const id of ids) {
    if (known.has(id)) continue;
    if (typeof id !== 'string' || !isPeerId(id)) return false;
    known.add(id);
    if (known.size % idsInOneStep === 0) yield;
  }
  const wraps = epochs.flatMap((epoch) => Object.values(epoch.wraps));
  return (
    wraps.every((wrap) => typeof wrap === 'string' && wrap.length <= maxWrapLength) &&
    Object.values(readers).every(isReader)
  );
}

function isReader(reader: ReaderInfo): boolean {
  return (
    hasFields(reader, ['since', 'history']) && isCount(reader.since) && typeof reader.history === 'boolean'
  );
}

function isEpoch(epoch: Epoch): boolean {
  return (
    hasFields(epoch, ['epoch', 'from', 'wraps']) &&
    isCount(epoch.epoch) &&
    isCount(epoch.from) &&
    isPlainObject(epoch.wraps)
  );
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function isAfter(one: Epoch, earlier: Epoch): boolean {
  return one.epoch > earlier.epoch && one.from >= earlier.from;
}
