import type { Data } from '../../data.ts';
import { type ErrorCode, errorCodes, PeerloomError } from '../../errors.ts';
import { fieldsOf } from '../fields.ts';
import type { Delivery } from './delivery.ts';

/** What nodes ask each other about vaults. */
export const vaultTopics = {
  /** {@link FetchRequest}, answered with {@link FetchAnswer}, or a refusal. */
  fetch: 'vault-fetch',
  /** {@link StoreRequest}, answered with {@link StoreAnswer}, or a refusal. */
  store: 'vault-store',
  /** {@link ChunkRequest}, answered with bytes, or a refusal. */
  chunk: 'vault-chunk',
  /** {@link StoreChunkRequest}, answered with how many chunks the replica has, or a refusal. */
  storeChunk: 'vault-store-chunk',
  /** `{ owner, collection }`: fetch again, there is something new; answered with `null`. */
  changed: 'vault-changed',
} as const;

/** Asks for an item, or for all that is newer than a version. */
export interface FetchRequest {
  readonly owner: string;
  readonly collection: string;
  /** The sequence of the last log entry that the asker has; 0: none. */
  readonly after: number;
  /** The name of an item. */
  readonly item?: string;
  /** Items of later versions. */
  readonly since?: number;
  /** Tell the asker of changes for a while. */
  readonly watch?: boolean;
}

/** What is there, of what the asker may read. */
export interface FetchAnswer extends Delivery {
  /** Everything up to this version was looked at. */
  readonly upTo: number;
  /** There are later ones. */
  readonly more: boolean;
}

/** An owner hands a collection to a replica, piece by piece. */
export interface StoreRequest extends Delivery {
  readonly owner: string;
  readonly collection: string;
  /** With this delivery the replica has all up to this version. */
  readonly upTo: number;
}

/** Asks for a part of a large item. */
export interface ChunkRequest {
  readonly owner: string;
  readonly collection: string;
  readonly item: string;
  readonly blob: string;
  readonly number: number;
}

/** An owner hands a replica the next part of a large item, or `null` to ask how many it has. */
export interface StoreChunkRequest extends ChunkRequest {
  readonly body: Uint8Array | null;
}

/** What a replica has. */
export interface StoreAnswer {
  readonly sequence: number;
  readonly version: number;
}

/** What is answered instead. */
export interface Refusal {
  readonly error: ErrorCode;
}

export function refusal(error: ErrorCode): Refusal {
  return { error };
}

/** @throws PeerloomError of the code when the answer is a {@link Refusal}. */
export function throwRefusal(answer: Data, from: string): void {
  const { error } = fieldsOf(answer);
  if (error === undefined) return;
  const code = typeof error === 'string' && Object.hasOwn(errorCodes, error) ? error : 'ERR_VAULT_INVALID';
  throw new PeerloomError(code as ErrorCode, `${from} refuses: ${errorCodes[code as ErrorCode]}`);
}

/** @throws PeerloomError `ERR_VAULT_INVALID`. */
export function fetchRequestOf(data: Data): FetchRequest {
  const request = fieldsOf(data);
  const { owner, collection, after, item, since, watch } = request;
  const isRequest =
    typeof owner === 'string' &&
    typeof collection === 'string' &&
    typeof after === 'number' &&
    (item === undefined || typeof item === 'string') &&
    (since === undefined || typeof since === 'number') &&
    (watch === undefined || typeof watch === 'boolean');
  if (!isRequest) throw new PeerloomError('ERR_VAULT_INVALID', 'a question to a vault has another form');
  return data as unknown as FetchRequest;
}

/** @throws PeerloomError `ERR_VAULT_INVALID`. */
export function chunkRequestOf(data: Data): ChunkRequest {
  const { owner, collection, item, blob, number } = {
    ...(data as Partial<Record<keyof ChunkRequest, Data>>),
  };
  const isText = [owner, collection, item, blob].every((text) => typeof text === 'string');
  if (isText && blob !== '' && Number.isSafeInteger(number)) return data as unknown as ChunkRequest;
  throw new PeerloomError('ERR_VAULT_INVALID', 'a question for a chunk has another form');
}

/** The outer form only; {@link accept} looks into it. @throws PeerloomError `ERR_VAULT_INVALID`. */
export function storeRequestOf(data: Data): StoreRequest {
  const { owner, collection, upTo } = fieldsOf(data);
  if (typeof owner === 'string' && typeof collection === 'string' && Number.isSafeInteger(upTo)) {
    return deliveryOf(data) as StoreRequest;
  }
  throw new PeerloomError('ERR_VAULT_INVALID', 'what a replica is given has another form');
}

/** The outer form only. @throws PeerloomError `ERR_VAULT_INVALID`. */
export function fetchAnswerOf(data: Data): FetchAnswer {
  const { upTo, more } = fieldsOf(data);
  if (Number.isSafeInteger(upTo) && typeof more === 'boolean') return deliveryOf(data) as FetchAnswer;
  throw new PeerloomError('ERR_VAULT_INVALID', 'the answer of a vault has another form');
}

/** The outer form only. @throws PeerloomError `ERR_VAULT_INVALID`. */
export function deliveryOf(data: Data): Delivery {
  const { log, state, items } = fieldsOf(data);
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
  const isList = (list: unknown): boolean => Array.isArray(list) && list.every(isObject);
  if (isList(log) && isList(items) && typeof state === 'object') return data as unknown as Delivery;
  throw new PeerloomError('ERR_VAULT_INVALID', 'a delivery has another form');
}
