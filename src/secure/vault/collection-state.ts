import type { Steps } from '../../base/steps.ts';
import { isPeerId } from '../../identity/identity.ts';
import { hasFields, isCount } from './vault-arguments.ts';
import { maxStateLength } from './vault-limits.ts';

/** Which collection, and whose. */
export interface CollectionName {
  readonly owner: string;
  readonly collection: string;
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

/** 80 bytes are 107 characters of base64url. */
const maxWrapLength = 107;
/** Characters of a wrap in a state's JSON, with the reader's id and the marks around both. */
const wrapLength = 165;
/** The same of a reader, and of anything else. */
const readerLength = 110;
const otherLength = 80;
/** Checking so many ids takes some two milliseconds. */
const idsInOneStep = 256;

/** About how many characters the state has as JSON, a few more at most. It may be at most {@link maxStateLength}. */
export function stateLength({ epochs, readers, replicas }: CollectionState): number {
  const wraps = epochs.reduce((sum, epoch) => sum + Object.keys(epoch.wraps).length, 0);
  return (
    wraps * wrapLength +
    Object.keys(readers).length * readerLength +
    (epochs.length + replicas.length + 1) * otherLength
  );
}

/** The epoch of a state that a version belongs to. */
export function epochOfVersion(state: CollectionState, version: number): Epoch | undefined {
  return state.epochs.findLast(({ from }) => from <= version);
}

export function currentEpoch(state: CollectionState): Epoch {
  return state.epochs.at(-1)!;
}

/** Whether another node's data has the form of a state and is not too large. Stops now and then. */
export function* isState(state: CollectionState): Steps<boolean> {
  return isOutline(state) && stateLength(state) <= maxStateLength && (yield* hasTrueParts(state));
}

/** The parts of a state that take no time to check, so that nothing is computed for one that is too large. */
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
