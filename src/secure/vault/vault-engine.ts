import type { Pace } from '../../base/computing-pace.ts';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { ChannelStream } from '../../channel/streams/stream.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import type { HpkeOpener } from '../hpke.ts';
import { ChangeNotices } from './change-notices.ts';
import { ChunkReader } from './chunk-reader.ts';
import { writeChunks } from './chunk-stream.ts';
import type { CollectionName } from './collection-state.ts';
import { CollectionWatch } from './collection-watch.ts';
import { EpochKeys } from './epoch-keys.ts';
import { LargeItems } from './large-items.ts';
import { vaultStoreAt, vaultStoreOfPage } from './open-vault-store.ts';
import { OwnCollections } from './own-collections.ts';
import { Replicator, type VaultNetwork } from './replicator.ts';
import { defaultBounds, type StoreBounds } from './store-usage.ts';
import { StreamPlaces } from './stream-places.ts';
import { maxBodyBytes } from './vault-limits.ts';
import type { VaultOptions } from './vault-options.ts';
import { changedCollectionOf, refusal, vaultTopics } from './vault-protocol.ts';
import { VaultReader } from './vault-reader.ts';
import { VaultService } from './vault-service.ts';
import type { VaultStore } from './vault-store.ts';
import { Watchers } from './watchers.ts';

/** What a vault needs of its node. */
export interface VaultSetup extends VaultOptions {
  /** The identity, which signs. {@link opener} decrypts what is encrypted for it. */
  readonly identity: NodeIdentity;
  readonly opener: HpkeOpener;
  readonly runtime: Runtime;
  readonly network: VaultNetwork;
  /** The most bytes of one message. */
  readonly maxMessageBytes: number;
}

/** The part of a message that items may take. The rest is for logs, states and signatures. */
const itemShareOfMessage = 0.5;

/** The pace for callers that have let other work run already. */
const unpaced: Pick<Pace, 'pause'> = { pause: () => undefined };

/** All parts of a vault: own collections, reading those of others, serving other nodes, and replicas. */
export class VaultEngine {
  readonly ownId: string;
  readonly store: VaultStore;
  readonly keys: EpochKeys;
  readonly own: OwnCollections;
  readonly reader: VaultReader;
  readonly watch: CollectionWatch;
  readonly large: LargeItems;
  readonly replicator: Replicator;
  /** The most bytes of an item's body. */
  readonly maxBodyBytes: number;
  readonly #service: VaultService;
  readonly #notices: ChangeNotices;
  readonly #places = new StreamPlaces();
  readonly runtime: Runtime;

  /**
   * @param opened the store, if it is open already.
   * @throws PeerloomError `ERR_VAULT_FILE`; `ERR_TRANSPORT_UNAVAILABLE` for a path outside Node.js.
   */
  constructor(setup: VaultSetup, opened?: VaultStore) {
    const { identity, opener, runtime, network } = setup;
    const ownId = identity.id;
    const store = opened ?? vaultStoreAt(setup.path, ownId, { bounds: boundsOf(setup), runtime });
    const keys = new EpochKeys(ownId, opener, runtime);
    const shareBytes = Math.floor(setup.maxMessageBytes * itemShareOfMessage);
    const batchBytes = Math.min(shareBytes, maxBodyBytes);
    this.ownId = ownId;
    this.store = store;
    this.keys = keys;
    this.maxBodyBytes = batchBytes;
    this.runtime = runtime;
    const watchers = new Watchers(() => runtime.now());
    this.#notices = new ChangeNotices(network, watchers);
    this.#service = new VaultService({
      ownId,
      store,
      batchBytes,
      onWatch: (name, id) => watchers.add(name, id),
      onChange: (name) => this.#tellWatchers(name),
    });
    this.reader = new VaultReader({
      ownId,
      store,
      keys,
      network,
      runtime,
      fetchHere: async (request) => {
        const answer = this.#service.fetch(request as unknown as Data, ownId);
        await store.written();
        return answer as unknown as Data;
      },
    });
    this.watch = new CollectionWatch(this.reader, runtime);
    this.replicator = new Replicator({ ownId, store, network, batchBytes });
    this.own = new OwnCollections({
      identity,
      store,
      keys,
      runtime,
      onChange: (collection) => this.#onOwnChange(collection),
    });
    const { own } = this;
    const reader = new ChunkReader({ ownId, store, reader: this.reader, network, runtime });
    this.large = new LargeItems({ ownId, store, own, reader, runtime, maxChunkBytes: shareBytes });
  }

  /** Opens a vault whose store takes a while to open. @throws PeerloomError `ERR_VAULT_FILE`. */
  static async open(setup: VaultSetup & { readonly store: string }): Promise<VaultEngine> {
    const { identity, runtime } = setup;
    const options = { bounds: boundsOf(setup), runtime };
    return new VaultEngine(setup, await vaultStoreOfPage(setup.store, identity.id, options));
  }

  /** Answers another node. If the request is wrong, the other node receives the code of the error. */
  async respond(topic: string, data: Data, asker: string, pace = unpaced): Promise<Data> {
    try {
      const answer = await this.#answer(topic, data, asker, pace);
      await this.store.written(); // data that other nodes receive must not be lost here
      return answer;
    } catch (error) {
      if (error instanceof PeerloomError) return refusal(error.code) as unknown as Data;
      throw error;
    }
  }

  async #answer(topic: string, data: Data, asker: string, pace: Pick<Pace, 'pause'>): Promise<Data> {
    switch (topic) {
      case vaultTopics.fetch:
        return this.#service.fetch(data, asker) as unknown as Data;
      case vaultTopics.store:
        return (await this.#service.storeReplica(data, asker, pace)) as unknown as Data;
      case vaultTopics.chunk:
        return (await this.#service.chunk(data, asker)) as unknown as Data;
      case vaultTopics.storeChunk:
        return this.#service.storeChunk(data, asker) as unknown as Data;
      case vaultTopics.changed:
        return this.#onChanged(data, asker);
    }
    throw new PeerloomError('ERR_VAULT_INVALID', 'a request to the vault has an unknown topic');
  }

  /** Answers another node with a stream of chunks, which ends early if the node may not read them. */
  async serve(data: Data, asker: string, stream: ChannelStream): Promise<boolean> {
    if (!this.#places.reserve(asker)) {
      stream.end();
      return true;
    }
    try {
      await writeChunks(stream, this.#service.chunks(data, asker), this.runtime);
      return true;
    } catch {
      return false;
    } finally {
      this.#places.release(asker);
    }
  }

  /** Call this when the node has a new connection. */
  onConnected(): void {
    this.replicator.retry();
    this.watch.wakeAll();
  }

  /** Ends watches, waits for changes under way, and closes the file. */
  async close(): Promise<void> {
    this.watch.close();
    await this.own.exclusively(async () => {}).catch(() => {});
    await this.store.close();
  }

  #onOwnChange(collection: string): void {
    this.#tellWatchers({ owner: this.ownId, collection });
    void this.replicator.sync([collection]);
  }

  #tellWatchers(name: CollectionName): void {
    this.watch.wake(name);
    this.#notices.send(name);
  }

  /** Handles a notice of a change. Notices of nodes that this node does not read from are ignored. */
  #onChanged(data: Data, asker: string): null {
    const { owner, collection } = changedCollectionOf(data);
    const name = { owner, collection };
    if (this.reader.sources(name, []).includes(asker)) this.watch.wake(name);
    return null;
  }
}

function boundsOf({
  maxCopyBytes = defaultBounds.maxCopyBytes,
  maxReplicaBytes = defaultBounds.maxReplicaBytes,
}: VaultOptions): StoreBounds {
  return { maxCopyBytes, maxReplicaBytes };
}
