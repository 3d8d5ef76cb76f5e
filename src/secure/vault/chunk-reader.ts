import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { sha256Hex } from '../../base/sha256.ts';
import { ChunkStream } from './chunk-stream.ts';
import type { CollectionName } from './collection-state.ts';
import type { VaultNetwork } from './replicator.ts';
import { type ChunkRequest, throwRefusal, vaultTopics } from './vault-protocol.ts';
import type { VaultReader } from './vault-reader.ts';
import type { VaultStore } from './vault-store.ts';

export interface ChunkReaderOptions {
  readonly ownId: string;
  readonly store: VaultStore;
  readonly reader: VaultReader;
  readonly network: VaultNetwork;
  readonly runtime: Runtime;
}

/** The chunks of a large item, as its owner described them. */
export interface ChunkList {
  readonly item: string;
  readonly blob: string;
  /** The SHA-256 of each chunk, 64 hexadecimal digits. */
  readonly hashes: readonly string[];
}

const chunkTimeoutMs = 30_000;

/**
 * Reads chunks, and proves each before it returns it. It takes a chunk from this node's store; otherwise from the
 * stream of a neighbour; otherwise it asks one node after the other until one has the true chunk.
 */
export class ChunkReader {
  readonly #options: ChunkReaderOptions;

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  /**
   * @throws PeerloomError `ERR_ITEM_CHANGED` if the item was put again or deleted meanwhile; otherwise the error of the
   * last node that did not have a chunk.
   */
  async *chunks(
    name: CollectionName,
    list: ChunkList,
    from: readonly string[],
  ): AsyncGenerator<Uint8Array, void> {
    const { item, blob, hashes } = list;
    const { ownId, store, reader, network, runtime } = this.#options;
    const sources = reader.sources(name, from).filter((id) => id !== ownId);
    const requestFor = (number: number): ChunkRequest => ({ ...name, item, blob, number });
    const stream = new ChunkStream({
      runtime,
      open: (number) => network.openStream(sources, { ...requestFor(number) }, chunkTimeoutMs),
    });
    try {
      for (const [number, hash] of hashes.entries()) {
        const kept = await store.chunk(name.owner, blob, number);
        if (kept !== undefined && sha256Hex(kept) === hash) yield kept;
        else yield (await stream.next(number, hash)) ?? (await this.#ask(requestFor(number), hash, sources));
      }
    } catch (error) {
      throw (await this.#isChanged(name, list, from)) ? changed(item) : error;
    } finally {
      stream.close();
    }
  }

  /** Whether the item has changed. Its old chunks are gone then, and no node is to blame. */
  async #isChanged(
    name: CollectionName,
    { item, blob }: ChunkList,
    from: readonly string[],
  ): Promise<boolean> {
    const { ownId, store, reader } = this.#options;
    if (name.owner === ownId) return store.item(name.owner, name.collection, item)?.blob !== blob;
    try {
      return (await reader.get(name, item, from)).blob !== blob;
    } catch {
      return false; // the first error says more
    }
  }

  async #ask(request: ChunkRequest, hash: string, named: readonly string[]): Promise<Uint8Array> {
    const { ownId, network } = this.#options;
    const message = `chunk ${request.number} of ${request.item} is damaged on this node`;
    const damaged = new PeerloomError('ERR_VAULT_INVALID', message);
    let failure = damaged;
    for (const source of new Set([...named, ...network.neighbours()])) {
      try {
        const answer = await network.ask(source, vaultTopics.chunk, { ...request }, chunkTimeoutMs);
        throwRefusal(answer, source);
        if (answer instanceof Uint8Array && sha256Hex(answer) === hash) return answer;
        failure = new PeerloomError('ERR_VAULT_INVALID', `${source} sent a chunk that is not the owner's`);
      } catch (error) {
        failure = error as PeerloomError;
      }
    }
    throw request.owner === ownId ? damaged : failure;
  }
}

function changed(item: string): PeerloomError {
  const message = `${item} was put again or deleted while it was read: read it again`;
  return new PeerloomError('ERR_ITEM_CHANGED', message);
}
