import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { Serial } from '../../base/serial.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { type CollectionState, currentEpoch, epochOfVersion, stateLength } from './collection-state.ts';
import type { EpochKeys, EpochName } from './epoch-keys.ts';
import { inBatches } from './in-batches.ts';
import { openItem, type SealedItem, sealItem } from './item.ts';
import { type Change, type Manifest, nextManifest, type StoredCollection } from './manifest.ts';
import { turn } from './turn.ts';
import { maxStateLength } from './vault-limits.ts';
import type { VaultStore } from './vault-store.ts';

export interface OwnCollectionsOptions {
  readonly identity: NodeIdentity;
  readonly store: VaultStore;
  readonly keys: EpochKeys;
  readonly runtime: Runtime;
  /** Called when a collection has changed and the change is stored. */
  readonly onChange: (collection: string) => void;
}

/** The new content of an item. */
export interface Content {
  readonly text: Uint8Array;
  readonly deleted: boolean;
  /** As in {@link ItemHeader}. */
  readonly blob: string;
}

/** The number of items that are encrypted again in one transaction. */
const reencryptBatch = 64;

/** The collections that this node owns and that only this node writes. Changes are made one after the other. */
export class OwnCollections {
  readonly #options: OwnCollectionsOptions;
  readonly #ownId: string;
  readonly #store: VaultStore;
  readonly #serial = new Serial();
  readonly #finished: Promise<void>;

  constructor(options: OwnCollectionsOptions) {
    this.#options = options;
    this.#ownId = options.identity.id;
    this.#store = options.store;
    this.#finished = this.#finishReencrypting();
    this.#finished.catch(() => {}); // reported to the next caller that changes something
  }

  put(collection: string, item: string, content: Content): Promise<void> {
    return this.#change(collection, async () => {
      const stored = await this.#existing(collection);
      const version = this.#versionAfter(stored.version);
      const sealed = await this.#seal(stored, { item, version }, content);
      this.#store.transaction(() => {
        this.#store.saveItem(sealed);
        this.#store.setVersion(this.#ownId, collection, version);
      });
    });
  }

  /** @throws PeerloomError `ERR_NOT_FOUND`, `ERR_DECRYPTION`. */
  async get(collection: string, item: string): Promise<{ readonly text: Uint8Array; readonly blob: string }> {
    const found = this.#store.item(this.#ownId, collection, item);
    if (found === undefined || found.deleted) {
      throw new PeerloomError('ERR_NOT_FOUND', `there is no item ${item} in ${collection}`);
    }
    return { text: await this.#open(this.#stored(collection).state, found), blob: found.blob };
  }

  grant(collection: string, id: string, history: boolean): Promise<void> {
    return this.#change(collection, async () => {
      const { state } = await this.#existing(collection);
      const known = Object.hasOwn(state.readers, id) ? state.readers[id]! : undefined;
      if (known !== undefined && (known.history || !history)) return;
      const current = currentEpoch(state);
      const epochs = await inBatches(state.epochs, async (epoch) => {
        if (!history && epoch !== current) return epoch;
        return this.#options.keys.openTo(id, this.#nameOf(collection, epoch.epoch), epoch);
      });
      const readers = { ...state.readers, [id]: { since: known?.since ?? this.#now(), history } };
      const opened = { ...state, epochs, readers };
      this.#save(await this.#next(collection, { kind: 'grant', id, history }, opened));
    });
  }

  revoke(collection: string, id: string, reencrypt: boolean): Promise<void> {
    return this.#change(collection, async () => {
      const { state, version } = this.#stored(collection);
      if (!Object.hasOwn(state.readers, id)) return;
      const { [id]: _, ...readers } = state.readers;
      const { epoch } = currentEpoch(state);
      const from = this.#versionAfter(version);
      const name = this.#nameOf(collection, epoch + 1);
      const next = await this.#options.keys.newEpoch(name, from, Object.keys(readers));
      const epochs = state.epochs.map(({ wraps: { [id]: _, ...wraps }, ...rest }) => ({ ...rest, wraps }));
      const closed = reencrypt ? epoch : state.closed;
      const revoked = { ...state, epochs: [...epochs, next], readers, closed };
      const isTooLarge = stateLength(revoked) > maxStateLength;
      const change = { kind: 'revoke', id, reencrypt } as const;
      const closedTo = isTooLarge && reencrypt ? this.#openToOwner(revoked) : revoked;
      const manifest = await this.#next(collection, change, closedTo);
      this.#store.transaction(() => {
        this.#save(manifest);
        this.#store.setVersion(this.#ownId, collection, from - 1);
      });
      await this.#reencrypt(collection);
    });
  }

  setReplica(collection: string, id: string, isReplica: boolean): Promise<void> {
    return this.#change(collection, async () => {
      const { state } = await this.#existing(collection);
      if (state.replicas.includes(id) === isReplica) return;
      const others = state.replicas.filter((replica) => replica !== id);
      const kind = isReplica ? 'add-replica' : 'remove-replica';
      const replicas = isReplica ? [...others, id] : others;
      this.#save(await this.#next(collection, { kind, id }, { ...state, replicas }));
    });
  }

  /** Runs a function while no collection changes. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#serial.run(async () => {
      await this.#finished;
      return work();
    });
  }

  #change(collection: string, work: () => Promise<void>): Promise<void> {
    return this.#serial.run(async () => {
      await this.#finished;
      await work();
      await this.#store.written();
      this.#options.onChange(collection);
    });
  }

  /** Finishes each `reencrypt` that was under way when the process ended. */
  async #finishReencrypting(): Promise<void> {
    for (const collection of this.#store.collectionNames(this.#ownId)) await this.#reencrypt(collection);
  }

  #stored(collection: string): StoredCollection {
    const stored = this.#store.collection(this.#ownId, collection);
    if (stored !== undefined) return stored;
    throw new PeerloomError(
      'ERR_NOT_FOUND',
      `this node has no collection ${collection}: put an item into it first`,
    );
  }

  async #existing(collection: string): Promise<StoredCollection> {
    if (this.#store.collection(this.#ownId, collection) === undefined) {
      const epoch = await this.#options.keys.newEpoch(this.#nameOf(collection, 1), 0, []);
      const state = { epochs: [epoch], readers: {}, replicas: [], closed: 0 };
      this.#save(await this.#next(collection, { kind: 'create' }, state));
    }
    return this.#stored(collection);
  }

  /** Signs the next change of a collection. No other change of it may be under way. */
  async #next(collection: string, change: Change, state: CollectionState): Promise<Manifest> {
    const head = this.#store.collection(this.#ownId, collection)?.head;
    const step = { time: this.#now(), change, state: this.#pruned(collection, state) };
    if (stateLength(step.state) > maxStateLength) throw tooManyReaders(collection);
    return nextManifest(this.#options.identity, { collection, head }, step);
  }

  #save(manifest: Manifest): void {
    const { collection } = manifest.head;
    this.#store.saveManifest({ owner: this.#ownId, collection }, { log: [manifest.head], proven: manifest });
  }

  /**
   * Returns the state with old epochs open only to the owner. Readers get their items with the new epoch, because the
   * items are encrypted again.
   */
  #openToOwner(state: CollectionState): CollectionState {
    const current = currentEpoch(state);
    const epochs = state.epochs.map((epoch) => {
      return epoch === current ? epoch : { ...epoch, wraps: { [this.#ownId]: epoch.wraps[this.#ownId]! } };
    });
    return { ...state, epochs };
  }

  /** Returns the state without the epochs that have no items left. */
  #pruned(collection: string, state: CollectionState): CollectionState {
    const current = currentEpoch(state);
    const isInUse = (epoch: number): boolean => this.#itemsOfEpochs(collection, epoch, epoch, 1).length > 0;
    const epochs = state.epochs.filter((one) => one === current || isInUse(one.epoch));
    return { ...state, epochs };
  }

  async #reencrypt(collection: string): Promise<void> {
    const { closed } = this.#stored(collection).state;
    for (;;) {
      const items = this.#itemsOfEpochs(collection, 0, closed, reencryptBatch);
      if (items.length === 0) return;
      const stored = this.#stored(collection);
      let { version } = stored;
      const renewed: SealedItem[] = [];
      for (const sealed of items) {
        const { item, deleted, blob } = sealed;
        const text = await this.#open(stored.state, sealed);
        version = this.#versionAfter(version);
        renewed.push(await this.#seal(stored, { item, version }, { text, deleted, blob }));
      }
      this.#store.transaction(() => {
        for (const item of renewed) this.#store.saveItem(item);
        this.#store.setVersion(this.#ownId, collection, version);
      });
      await this.#store.written();
      await turn(this.#options.runtime);
    }
  }

  async #seal(
    { head, state }: StoredCollection,
    { item, version }: { readonly item: string; readonly version: number },
    { text, deleted, blob }: Content,
  ): Promise<SealedItem> {
    const { collection } = head;
    const epoch = currentEpoch(state);
    const name = this.#nameOf(collection, epoch.epoch);
    const header = { ...name, item, version, time: this.#now(), deleted, blob };
    return sealItem(this.#options.identity, header, {
      key: await this.#options.keys.unwrap(name, epoch),
      text,
      runtime: this.#options.runtime,
    });
  }

  async #open(state: CollectionState, item: SealedItem): Promise<Uint8Array> {
    const epoch = epochOfVersion(state, item.version);
    return openItem(item, await this.#options.keys.unwrap(this.#nameOf(item.collection, item.epoch), epoch));
  }

  #itemsOfEpochs(collection: string, first: number, last: number, limit: number): SealedItem[] {
    return this.#store.itemsOfEpochs({ owner: this.#ownId, collection }, { first, last, limit });
  }

  #nameOf(collection: string, epoch: number): EpochName {
    return { owner: this.#ownId, collection, epoch };
  }

  /**
   * Returns the next version. It is at least the current time, so that it exceeds all versions assigned before an older
   * copy of this vault was restored.
   */
  #versionAfter(version: number): number {
    return Math.max(version + 1, this.#now());
  }

  #now(): number {
    return Math.trunc(this.#options.runtime.wallNow());
  }
}

function tooManyReaders(collection: string): PeerloomError {
  return new PeerloomError(
    'ERR_MESSAGE_TOO_LARGE',
    `${collection} has too many readers, or too many epochs that are open to them: revoke one with { reencrypt: true }, which ends all earlier epochs`,
  );
}
