import { bytesToHex } from '@noble/hashes/utils.js';
import { decryptAesGcm, encryptAesGcm } from '../../base/aes-gcm.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { secretBytes } from '../../base/secret-bytes.ts';
import { sha256Hex } from '../../base/sha256.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { ChunkReader } from './chunk-reader.ts';
import type { CollectionName } from './collection-state.ts';
import { describe, descriptionOf } from './large-description.ts';
import type { OwnCollections } from './own-collections.ts';
import { turn } from './turn.ts';
import { chunkBytes, maxChunks, tagBytes } from './vault-limits.ts';
import type { VaultStore } from './vault-store.ts';

export interface LargeItemsOptions {
  readonly ownId: string;
  readonly store: VaultStore;
  readonly own: OwnCollections;
  readonly reader: ChunkReader;
  readonly runtime: Runtime;
  /** The most bytes of an encrypted chunk. */
  readonly maxChunkBytes: number;
}

/** Stores and reads items that are too large for a message, in chunks. */
export class LargeItems {
  readonly #options: LargeItemsOptions;
  readonly #chunkBytes: number;
  /** The blobs of items that could not be put, whose chunks are still in the store. */
  readonly #abandoned = new Set<string>();

  constructor(options: LargeItemsOptions) {
    this.#options = options;
    this.#chunkBytes = Math.min(chunkBytes, options.maxChunkBytes - tagBytes);
  }

  /** @throws PeerloomError `ERR_MESSAGE_TOO_LARGE`, and whatever the source throws. Nothing is stored then. */
  async put(
    collection: string,
    item: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    const { ownId, store, own, runtime } = this.#options;
    const blob = bytesToHex(secretBytes(runtime, 16, 'names of blobs'));
    const key = secretBytes(runtime, 32, 'keys of blobs');
    const hashes: string[] = [];
    let size = 0;
    this.#removeAbandoned();
    try {
      for await (const text of inChunks(source, this.#chunkBytes)) {
        const number = hashes.length;
        if (number === maxChunks) throw tooLarge(item, maxChunks * this.#chunkBytes);
        const place = { nonce: nonceOf(number), associated: associated(ownId, blob, number) };
        const body = encryptAesGcm({ key, ...place }, text);
        store.saveChunk(ownId, blob, number, body);
        await store.written();
        hashes.push(sha256Hex(body));
        size += text.length;
        await turn(runtime);
      }
      const text = describe({ size, key, hashes });
      await own.put(collection, item, { text, deleted: false, blob });
    } catch (error) {
      this.#abandoned.add(blob);
      throw error;
    } finally {
      this.#removeAbandoned();
    }
  }

  /** @param found the opened item. */
  async *get(
    name: CollectionName,
    found: { readonly item: string; readonly text: Uint8Array; readonly blob: string },
    from: readonly string[],
  ): AsyncGenerator<Uint8Array, void> {
    const { item, blob } = found;
    const { size, key, hashes } = descriptionOf(found.text);
    let number = 0;
    let bytes = 0;
    for await (const body of this.#options.reader.chunks(name, { item, blob, hashes }, from)) {
      const text = opened(body, key, { owner: name.owner, blob, number: number++ });
      bytes += text.length;
      yield text;
    }
    if (bytes === size) return;
    throw new PeerloomError(
      'ERR_VAULT_INVALID',
      `${item} has ${bytes} bytes, not the ${size} that its owner signed`,
    );
  }

  /**
   * Deletes the chunks of items that could not be put. If even that fails, because the disk is full, the next large
   * item and the next start try again.
   */
  #removeAbandoned(): void {
    const { ownId, store } = this.#options;
    for (const blob of this.#abandoned) {
      try {
        store.removeChunks(ownId, blob);
      } catch {
        return;
      }
      this.#abandoned.delete(blob);
    }
  }
}

/** Cuts the source into pieces of one length. The last piece may be shorter. */
async function* inChunks(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array> {
  let chunk = new Uint8Array(length);
  let filled = 0;
  for await (const piece of source) {
    for (let start = 0; start < piece.length; ) {
      const part = piece.subarray(start, start + length - filled);
      chunk.set(part, filled);
      filled += part.length;
      start += part.length;
      if (filled < length) continue;
      yield chunk;
      chunk = new Uint8Array(length);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** @throws PeerloomError `ERR_DECRYPTION` if the owner encrypted the chunk with another key, or for another place. */
function opened(
  body: Uint8Array,
  key: Uint8Array,
  { owner, blob, number }: { readonly owner: string; readonly blob: string; readonly number: number },
): Uint8Array {
  try {
    const place = { nonce: nonceOf(number), associated: associated(owner, blob, number) };
    return decryptAesGcm({ key, ...place }, body);
  } catch (cause) {
    const message = `chunk ${number} of a large item cannot be decrypted with its owner's key`;
    throw new PeerloomError('ERR_DECRYPTION', message, { cause });
  }
}

/** The nonce of a chunk: its number as 12 bytes, big-endian. */
function nonceOf(number: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(8, number);
  return nonce;
}

function associated(owner: string, blob: string, number: number): Uint8Array {
  return encodeText(canonicalJson([owner, blob, number]));
}

function tooLarge(item: string, bytes: number): PeerloomError {
  return new PeerloomError(
    'ERR_MESSAGE_TOO_LARGE',
    `${item} is larger than the ${bytes} bytes that are allowed`,
  );
}
