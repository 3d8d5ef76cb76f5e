import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity } from '../../../../src/index.ts';
import { dataToBytes } from '../../../../src/secure/data-bytes.ts';
import type { CollectionState } from '../../../../src/secure/vault/collection-state.ts';
import type { SealedItem } from '../../../../src/secure/vault/item.ts';
import { type LogEntry, type Manifest, nextManifest } from '../../../../src/secure/vault/manifest.ts';
import { PageVaultStore } from '../../../../src/secure/vault/page-vault-store.ts';
import { SqliteVaultStore } from '../../../../src/secure/vault/sqlite-vault-store.ts';
import type { VaultStore } from '../../../../src/secure/vault/vault-store.ts';
import { withCode } from '../../../support/errors.ts';

const alice = Identity.generate();
const state: CollectionState = {
  epochs: [{ epoch: 1, from: 0, wraps: {} }],
  readers: {},
  replicas: [],
  closed: 0,
};

/** The two kinds of stores in memory, each of another node than the owner. */
const kinds = {
  'in SQLite': () => new SqliteVaultStore(undefined, Identity.generate().id),
  'of a page': () => new PageVaultStore(Identity.generate().id),
};

function manifest(collection: string, head?: LogEntry): Manifest {
  return nextManifest(alice, { collection, head }, { time: 1, change: { kind: 'create' }, state });
}

function save(store: VaultStore, { head, state }: Manifest): void {
  const { owner, collection } = head;
  store.saveManifest({ owner, collection }, { log: [head], proven: { head, state } }, 'copy');
}

function item(collection: string, version: number, name = `item ${version}`): SealedItem {
  return {
    ...{ owner: alice.id, collection, item: name, version, epoch: 1, time: 1, deleted: false, blob: '' },
    ...{ body: new Uint8Array(40), signature: new Uint8Array(64) },
  };
}

/** Names of the longest kind: each character takes three bytes. */
const longName = '京'.repeat(256);

for (const [kind, make] of Object.entries(kinds))
  suite(`the store of a vault, ${kind}`, () => {
    const open = (t: TestContext): VaultStore => {
      const store = make();
      t.after(() => store.close());
      return store;
    };

    test('has nothing of a change that failed, also where it was read within the change', (t) => {
      const store = open(t);
      const first = manifest('c');
      save(store, first);
      store.setVersion(alice.id, 'c', 5);
      assert.equal(store.collection(alice.id, 'c')!.version, 5);
      const failing = () => {
        save(store, manifest('c', first.head));
        save(store, manifest('new'));
        store.setVersion(alice.id, 'c', 9);
        assert.equal(store.collection(alice.id, 'c')!.head.sequence, 2);
        assert.ok(store.collection(alice.id, 'new'));
        throw new Error('no more room');
      };
      assert.throws(() => store.transaction(failing), /no more room/);
      const { head, version } = store.collection(alice.id, 'c')!;
      assert.deepEqual([head, version], [first.head, 5]);
      assert.equal(store.collection(alice.id, 'new'), undefined);
      assert.deepEqual(store.collectionNames(alice.id), ['c']);
    });

    test('gives 256 items, or entries of a log, at a time, however small they are', (t) => {
      const store = open(t);
      const range = { after: 0, maxBytes: Number.POSITIVE_INFINITY };
      const entries: LogEntry[] = [];
      for (let count = 0; count < 258; count++) entries.push(manifest('c', entries.at(-1)).head);
      const head = entries.at(-1)!;
      store.saveManifest(
        { owner: alice.id, collection: 'c' },
        { log: entries, proven: { head, state } },
        'copy',
      );
      for (let version = 1; version <= 256; version++) store.saveItem(item('c', version));
      assert.deepEqual(
        [store.items(alice.id, 'c', range).items.length, store.items(alice.id, 'c', range).more],
        [256, false],
      );
      store.saveItem(item('c', 257));
      const { items, more } = store.items(alice.id, 'c', range);
      assert.deepEqual([items.length, items.at(-1)!.version, more], [256, 256, true]);
      assert.deepEqual(store.items(alice.id, 'c', { ...range, after: 256 }).more, false);
      const log = store.log(alice.id, 'c', range);
      assert.deepEqual([log.length, log.at(-1)!.sequence], [256, 256]);
      assert.deepEqual(store.log(alice.id, 'c', { ...range, after: 256 }), entries.slice(256));
      assert.deepEqual(store.wholeLog(alice.id, 'c'), entries);
    });

    test('gives no more bytes at a time than it is asked for, with the longest names, but one thing at least', (t) => {
      const store = open(t);
      const maxBytes = 20_000;
      const entries: LogEntry[] = [];
      for (let count = 0; count < 40; count++) entries.push(manifest(longName, entries.at(-1)).head);
      const head = entries.at(-1)!;
      store.saveManifest(
        { owner: alice.id, collection: longName },
        { log: entries, proven: { head, state } },
        'copy',
      );
      for (let version = 1; version <= 40; version++)
        store.saveItem(item(longName, version, longName.slice(0, -2) + String(version).padStart(2)));
      const log = store.log(alice.id, longName, { after: 0, maxBytes });
      const { items, more } = store.items(alice.id, longName, { after: 0, maxBytes });
      for (const list of [log, items]) {
        const { length } = dataToBytes(list as unknown as Data);
        assert.ok(length <= maxBytes && length > maxBytes / 2, `${length} bytes`);
      }
      assert.equal(more, true);
      for (const given of [
        store.log(alice.id, longName, { after: 0, maxBytes: 1 }),
        store.items(alice.id, longName, { after: 0, maxBytes: 1 }).items,
      ]) {
        assert.equal(given.length, 1);
      }
    });

    test('counts in memory what it keeps of others, until it is closed', async () => {
      const store = make();
      save(store, manifest('c'));
      assert.ok(store.heldBytes > 0);
      await store.close();
      assert.equal(store.heldBytes, 0);
      assert.throws(() => store.collectionNames(alice.id), withCode('ERR_NOT_STARTED'));
    });

    test('tells of what it keeps anew, and of nothing that is removed', (t) => {
      const store = open(t);
      const grown: number[] = [];
      store.onGrowth = (bytes) => grown.push(bytes);
      save(store, manifest('c'));
      assert.equal(
        grown.reduce((sum, bytes) => sum + bytes, 0),
        store.heldBytes,
      );
      const before = grown.length;
      for (const _ of store.removeCollection(alice.id, 'c'));
      assert.deepEqual([store.heldBytes, grown.length], [0, before]);
    });
  });

test('the store of a vault in a file counts nothing', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-store-'));
  const store = new SqliteVaultStore(join(folder, 'vault.db'), Identity.generate().id);
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  save(store, manifest('c'));
  assert.equal(store.heldBytes, 0);
});
