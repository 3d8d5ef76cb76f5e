import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Identity } from '../../../../src/index.ts';
import { nextManifest } from '../../../../src/secure/vault/manifest.ts';
import { PageVaultStore } from '../../../../src/secure/vault/page-vault-store.ts';
import { SqliteVaultStore } from '../../../../src/secure/vault/sqlite-vault-store.ts';
import type { VaultStore } from '../../../../src/secure/vault/vault-store.ts';

const own = Identity.generate();
const other = Identity.generate();

type Step =
  | { readonly kind: 'manifest'; readonly isReplica: boolean }
  | { readonly kind: 'item'; readonly item: number; readonly blob: number; readonly bodyBytes: number }
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'chunk'; readonly blob: number; readonly number: number; readonly bodyBytes: number }
  | { readonly kind: 'remove chunks'; readonly blob: number }
  | { readonly kind: 'remove' };

const small = fc.integer({ min: 0, max: 3 });
const bodyBytes = fc.integer({ min: 1, max: 60 });
type GivenStep = Step & { readonly isOwn: boolean; readonly collection: string; readonly fails: boolean };

const step: fc.Arbitrary<GivenStep> = fc
  .oneof(
    fc.record({ kind: fc.constant('manifest' as const), isReplica: fc.boolean() }),
    fc.record({ kind: fc.constant('item' as const), item: small, blob: small, bodyBytes }),
    fc.record({ kind: fc.constant('version' as const), version: small }),
    fc.record({ kind: fc.constant('chunk' as const), blob: small, number: small, bodyBytes }),
    fc.record({ kind: fc.constant('remove chunks' as const), blob: small }),
    fc.record({ kind: fc.constant('remove' as const) }),
  )
  .chain((what) =>
    fc.record({
      what: fc.constant(what),
      isOwn: fc.boolean(),
      collection: fc.constantFrom('c', 'å b'),
      fails: fc.boolean(),
    }),
  )
  .map(({ what, ...rest }) => ({ ...what, ...rest }));

/** A blob's name; the first is none. */
const blobOf = (blob: number): string => (blob === 0 ? '' : String(blob).repeat(32));

let version = 0;

/** Does one thing to a store, whose `version` is that of the item, and, where told to, has the transaction fail. */
function apply(store: VaultStore, given: GivenStep, version: number): void {
  const { collection, isOwn, fails } = given;
  const identity = isOwn ? own : other;
  const owner = identity.id;
  const work = (): void => {
    switch (given.kind) {
      case 'manifest': {
        const state = { epochs: [{ epoch: 1, from: 0, wraps: {} }], readers: {}, replicas: [], closed: 0 };
        const head = store.lastEntry(owner, collection);
        const manifest = nextManifest(
          identity,
          { collection, head },
          { time: 1, change: { kind: 'create' }, state },
        );
        const keeping = isOwn ? 'own' : given.isReplica ? 'replica' : 'copy';
        store.saveManifest({ owner, collection }, { log: [manifest.head], proven: manifest }, keeping);
        break;
      }
      case 'item': {
        if (store.collection(owner, collection) === undefined) break;
        const body = new Uint8Array(given.bodyBytes).fill(version);
        const header = {
          owner,
          collection,
          item: `item ${given.item}`,
          version,
          epoch: 1,
          time: 1,
          deleted: given.item === 1,
        };
        store.saveItem({ ...header, blob: blobOf(given.blob), body, signature: new Uint8Array(64) });
        break;
      }
      case 'version':
        store.setVersion(owner, collection, given.version);
        break;
      case 'chunk':
        store.saveChunk(owner, blobOf(given.blob + 1), given.number, new Uint8Array(given.bodyBytes));
        break;
      case 'remove chunks':
        store.removeChunks(owner, blobOf(given.blob + 1));
        break;
      case 'remove':
        if (!isOwn) for (const _ of store.removeCollection(owner, collection));
    }
    if (fails) throw new Error('it fails');
  };
  try {
    store.transaction(work);
  } catch (error) {
    if ((error as Error).message !== 'it fails') throw error;
  }
}

/** Everything that a store answers. */
async function contentOf(store: VaultStore) {
  const range = { after: 0, maxBytes: 150 };
  const collections = [own.id, other.id].flatMap((owner) =>
    store.collectionNames(owner).map((collection) => ({
      stored: store.collection(owner, collection),
      log: [
        store.log(owner, collection, range),
        store.wholeLog(owner, collection),
        store.lastEntry(owner, collection),
      ],
      items: [
        store.items(owner, collection, range),
        store.items(owner, collection, { after: 3, maxBytes: 1e9 }),
      ],
      names: [store.itemNames(owner, collection), store.countItems(owner, collection)],
      epochs: store.itemsOfEpochs({ owner, collection }, { first: 1, last: 1, limit: 99 }).length,
    })),
  );
  const chunks = [];
  for (const owner of [own.id, other.id]) {
    for (let blob = 1; blob <= 4; blob++) {
      chunks.push(store.countChunks(owner, blobOf(blob)));
      for (let number = 0; number < 4; number++) chunks.push(await store.chunk(owner, blobOf(blob), number));
    }
  }
  return { collections, chunks, heldBytes: store.heldBytes };
}

suite('the store of a page', () => {
  test('answers as that in SQLite does, and counts the same, whatever is done and whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const stores = [new SqliteVaultStore(undefined, own.id), new PageVaultStore(own.id)] as const;
        for (const given of steps) {
          version += 1;
          for (const store of stores) apply(store, given, version);
        }
        const [sqlite, page] = await Promise.all(stores.map(contentOf));
        assert.deepEqual(structuredClone(page), structuredClone(sqlite));
        await Promise.all(stores.map((store) => store.close()));
      }),
      { numRuns: 60 },
    );
  });
});
