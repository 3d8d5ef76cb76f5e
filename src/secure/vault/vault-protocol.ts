import type { Data } from '../../base/data.ts';
import { type ErrorCode, errorCodes, PeerloomError } from '../../base/errors.ts';
import { isPeerId } from '../../identity/identity.ts';
import { fieldsOf } from '../fields.ts';
import type { CollectionName } from './collection-state.ts';
import type { Delivery } from './delivery.ts';
import { isBlob, isCount, isName } from './vault-arguments.ts';
import { chunkBytes, maxChunks, maxDelivered, tagBytes } from './vault-limits.ts';

/** The topics of requests between nodes about vaults. */
export const vaultTopics = {
  /** {@link FetchRequest}, answered with {@link FetchAnswer}, or a refusal. */
  fetch: 'vault-fetch',
  /** {@link StoreRequest}, answered with {@link StoreAnswer}, or a refusal. */
  store: 'vault-store',
  /** {@link ChunkRequest}, answered with bytes, or a refusal. */
  chunk: 'vault-chunk',
  /** {@link StoreChunkRequest}, answered with the number of chunks that the replica has, or a refusal. */
  storeChunk: 'vault-store-chunk',
  /**
   * `{ owner, collection }`: a notice that the collection has changed and should be fetched again. Answered with
   * `null`.
   */
  changed: 'vault-changed',
} as const;

/** A request for an item, or for everything newer than a version. */
export interface FetchRequest {
  readonly owner: string;
  readonly collection: string;
  /** The sequence of the last log entry that the asker has. 0 if it has none. */
  readonly after: number;
  /** The name of an item. Left out to ask for several items. */
  readonly item?: string;
  /** Asks for items of later versions than this. */
  readonly since?: number;
  /** Whether the asker wants notices of changes for a while. */
  readonly watch?: boolean;
}

/** The items found that the asker may read. */
export interface FetchAnswer extends Delivery {
  /** The version up to which everything was examined. */
  readonly upTo: number;
  /** Whether there are later items, or more log entries. */
  readonly more: boolean;
}

/** Gives a replica the next part of a collection. */
export interface StoreRequest extends Delivery {
  readonly owner: string;
  readonly collection: string;
  /** The version up to which the replica has everything after this delivery. */
  readonly upTo: number;
}

/** A request for a chunk of a large item. */
export interface ChunkRequest {
  readonly owner: string;
  readonly collection: string;
  readonly item: string;
  readonly blob: string;
  readonly number: number;
}

/** Gives a replica the next chunk of a large item, or `null` to ask for the number of chunks that it has. */
export interface StoreChunkRequest extends ChunkRequest {
  readonly body: Uint8Array | null;
}

/** What a replica has of a collection. */
export interface StoreAnswer {
  readonly sequence: number;
  readonly version: number;
}

/** The answer to a request that is refused. */
export interface Refusal {
  readonly error: ErrorCode;
}

export function refusal(error: ErrorCode): Refusal {
  return { error };
}

/** @throws PeerloomError with the refusal's code if the answer is a {@link Refusal}. */
export function throwRefusal(answer: Data, from: string): void {
  const { error } = fieldsOf(answer);
  if (error === undefined) return;
  const code = typeof error === 'string' && Object.hasOwn(errorCodes, error) ? error : 'ERR_VAULT_INVALID';
  throw new PeerloomError(code as ErrorCode, `${from} refuses: ${errorCodes[code as ErrorCode]}`);
}

/** @throws PeerloomError `ERR_VAULT_INVALID`. */
export function fetchRequestOf(data: Data): FetchRequest {
  const { after, item, since, watch } = fieldsOf(data);
  const isRequest =
    isNamed(data) &&
    isCount(after) &&
    (item === undefined || isName(item)) &&
    (since === undefined || isCount(since)) &&
    (watch === undefined || typeof watch === 'boolean');
  if (!isRequest) throw invalid('a request for items');
  return data as unknown as FetchRequest;
}

/** @throws PeerloomError `ERR_VAULT_INVALID`. */
export function chunkRequestOf(data: Data): ChunkRequest {
  const { item, blob, number } = fieldsOf(data);
  const isRequest = isNamed(data) && isName(item) && isBlob(blob) && isCount(number) && number < maxChunks;
  if (!isRequest) throw invalid('a request for a chunk');
  return data as unknown as ChunkRequest;
}

/** @throws PeerloomError `ERR_VAULT_INVALID`. */
export function storeChunkRequestOf(data: Data): StoreChunkRequest {
  const { body } = fieldsOf(data);
  const isChunk = body instanceof Uint8Array && body.length <= chunkBytes + tagBytes;
  if (!isChunk && body !== null) throw invalid('a chunk for a replica');
  return chunkRequestOf(data) as StoreChunkRequest;
}

/** Checks the outer form only; {@link accept} checks the content. @throws PeerloomError `ERR_VAULT_INVALID`. */
export function storeRequestOf(data: Data): StoreRequest {
  if (isNamed(data) && isCount(fieldsOf(data).upTo)) return deliveryOf(data) as StoreRequest;
  throw invalid('a delivery for a replica');
}

/** Reads a replica's report of what it has. @throws PeerloomError `ERR_VAULT_INVALID`. */
export function storeAnswerOf(data: Data): StoreAnswer {
  const { sequence, version } = fieldsOf(data);
  if (isCount(sequence) && isCount(version)) return { sequence, version };
  throw invalid('the answer of a replica');
}

/** Checks the outer form only. @throws PeerloomError `ERR_VAULT_INVALID`. */
export function fetchAnswerOf(data: Data): FetchAnswer {
  const { upTo, more } = fieldsOf(data);
  if (isCount(upTo) && typeof more === 'boolean') return deliveryOf(data) as FetchAnswer;
  throw invalid('the answer of a vault');
}

/** Returns the collection that a notice of a change names. @throws PeerloomError `ERR_VAULT_INVALID`. */
export function changedCollectionOf(data: Data): CollectionName {
  if (isNamed(data)) return data as unknown as CollectionName;
  throw invalid('a notice of a change');
}

function isNamed(data: Data): boolean {
  const { owner, collection } = fieldsOf(data);
  return typeof owner === 'string' && isPeerId(owner) && isName(collection);
}

/**
 * Checks the outer form only.
 *
 * @param maxLength the most log entries, and the most items.
 * @throws PeerloomError `ERR_VAULT_INVALID`.
 */
export function deliveryOf(data: Data, maxLength: number = maxDelivered): Delivery {
  const { log, state, items } = fieldsOf(data);
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
  const isList = (list: unknown): boolean =>
    Array.isArray(list) && list.length <= maxLength && list.every(isObject);
  if (isList(log) && isList(items) && typeof state === 'object') return data as unknown as Delivery;
  throw invalid('a delivery');
}

function invalid(what: string): PeerloomError {
  return new PeerloomError('ERR_VAULT_INVALID', `${what} is malformed`);
}
