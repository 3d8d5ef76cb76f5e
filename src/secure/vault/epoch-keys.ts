import { base64urlnopad } from '@scure/base';
import { PeerloomError } from '../../base/errors.ts';
import { type Runtime, systemRuntime } from '../../base/runtime.ts';
import { secretBytes } from '../../base/secret-bytes.ts';
import { canonicalJson } from '../canonical-json.ts';
import { encryptionKeyOf, type HpkeContext, type HpkeOpener, hpkeSeal } from '../hpke.ts';
import type { Epoch } from './collection-state.ts';
import { inBatches } from './in-batches.ts';

/** An epoch of a collection. */
export interface EpochName {
  readonly owner: string;
  readonly collection: string;
  readonly epoch: number;
}

const keyBytes = 32;
const maxCached = 1_024;

/** The keys of epochs. They are stored wrapped for each reader, and are plain only in memory. */
export class EpochKeys {
  readonly #ownId: string;
  readonly #opener: HpkeOpener;
  readonly #runtime: Runtime;
  readonly #cache = new Map<string, Uint8Array>();

  constructor(ownId: string, opener: HpkeOpener, runtime: Runtime = systemRuntime) {
    this.#ownId = ownId;
    this.#runtime = runtime;
    this.#opener = opener;
  }

  /** Creates an epoch with a new key, which is wrapped for this node and the readers. */
  async newEpoch(name: EpochName, from: number, readers: readonly string[]): Promise<Epoch> {
    const key = secretBytes(this.#runtime, keyBytes, 'keys of epochs');
    const wraps = await inBatches([this.#ownId, ...readers], async (id) => [
      id,
      await this.#wrap(key, name, id),
    ]);
    return { epoch: name.epoch, from, wraps: Object.fromEntries(wraps) };
  }

  /** Returns the epoch with its key wrapped for one more reader. */
  async openTo(reader: string, name: EpochName, epoch: Epoch): Promise<Epoch> {
    if (Object.hasOwn(epoch.wraps, reader)) return epoch;
    const key = await this.unwrap(name, epoch);
    return { ...epoch, wraps: { ...epoch.wraps, [reader]: await this.#wrap(key, name, reader) } };
  }

  /** @throws PeerloomError `ERR_NOT_PERMITTED` if there is no wrap for this node; `ERR_DECRYPTION`. */
  async unwrap(name: EpochName, epoch: Epoch | undefined): Promise<Uint8Array> {
    const wrapped =
      epoch !== undefined && Object.hasOwn(epoch.wraps, this.#ownId) && epoch.wraps[this.#ownId];
    if (!wrapped) {
      const message = `${name.owner} has not granted epoch ${name.epoch} of ${name.collection} to this node`;
      throw new PeerloomError('ERR_NOT_PERMITTED', message);
    }
    const context = contextOf(name, this.#ownId);
    const cacheKey = `${context.associated} ${wrapped}`;
    const known = this.#cache.get(cacheKey);
    if (known !== undefined) return known;
    const key = await this.#opener.open(decoded(wrapped), context);
    if (key.length !== keyBytes) throw new PeerloomError('ERR_DECRYPTION', 'a wrap does not contain a key');
    if (this.#cache.size >= maxCached) this.#cache.clear();
    this.#cache.set(cacheKey, key);
    return key;
  }

  /** Wraps a key for one reader and one epoch. The wrap opens for no other reader or epoch. */
  async #wrap(key: Uint8Array, name: EpochName, reader: string): Promise<string> {
    const context = { ...contextOf(name, reader), runtime: this.#runtime };
    return base64urlnopad.encode(await hpkeSeal(encryptionKeyOf(reader), key, context));
  }
}

function contextOf({ owner, collection, epoch }: EpochName, reader: string): HpkeContext {
  return { info: 'peerloom-vault-wrap-1', associated: canonicalJson([owner, collection, epoch, reader]) };
}

function decoded(wrapped: string): Uint8Array {
  try {
    return base64urlnopad.decode(wrapped);
  } catch (cause) {
    throw new PeerloomError('ERR_DECRYPTION', 'a wrap is not base64url', { cause });
  }
}
