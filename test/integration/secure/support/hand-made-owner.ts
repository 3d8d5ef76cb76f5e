import { type Data, Identity } from '../../../../src/index.ts';
import type { CollectionState } from '../../../../src/secure/vault/collection-state.ts';
import { type SealedItem, sealItem } from '../../../../src/secure/vault/item.ts';
import { type Change, type LogEntry, nextManifest } from '../../../../src/secure/vault/manifest.ts';

/** An owner that signs whatever a test wants, one collection of one epoch, with a single replica. */
export class HandMadeOwner {
  readonly identity = Identity.generate();
  readonly collection = 'c';
  readonly log: LogEntry[] = [];
  readonly state: CollectionState;
  readonly #key = new Uint8Array(32);

  constructor(replica: string) {
    const epochs = [{ epoch: 1, from: 0, wraps: {} }];
    this.state = { epochs, readers: {}, replicas: [replica], closed: 0 };
    this.advance({ kind: 'create' });
  }

  get id(): string {
    return this.identity.id;
  }

  get head(): LogEntry {
    return this.log.at(-1)!;
  }

  /** Adds an entry to the log, whatever the change says. */
  advance(change: Change, state = this.state): void {
    const before = { collection: this.collection, head: this.log.at(-1) };
    this.log.push(nextManifest(this.identity, before, { time: 1, change, state }).head);
  }

  item(version: number, fields: Partial<SealedItem> = {}, textBytes = 1): SealedItem {
    const { id: owner, collection } = this;
    const item = `item ${version}`;
    const header = { owner, collection, item, version, epoch: 1, time: 1, deleted: false, blob: '' };
    const content = { key: this.#key, text: new Uint8Array(textBytes) };
    return sealItem(this.identity, { ...header, ...fields }, content);
  }

  /** What `vault-store` brings. Without other fields: the log and the state. */
  delivery(fields: { readonly [name: string]: unknown } = {}): Data {
    const { id: owner, collection, log, state } = this;
    return { owner, collection, log, state, items: [], upTo: 0, ...fields } as unknown as Data;
  }

  items(...items: readonly SealedItem[]): Data {
    return this.delivery({ log: [this.head], state: null, items, upTo: items.at(-1)!.version });
  }
}
