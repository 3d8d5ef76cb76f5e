import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity, memory, type PeerloomError } from '../../../src/index.ts';
import { dataFromBytes, dataToBytes } from '../../../src/secure/data-bytes.ts';
import { SecureNode } from '../../../src/secure/index.ts';
import { withCode } from '../../support/errors.ts';
import { type TestSecureNode, World } from './support/secure-nodes.ts';

const film = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);

/** Small chunks, so that the film has several. */
const limits = { maxMessageBytes: 8_000 };

async function startOwner(t: TestContext, identity: Identity): Promise<TestSecureNode> {
  return new World(t).start('alice', { identity, limits });
}

/** A vault with a bit of everything. */
async function fill({ vault }: TestSecureNode): Promise<void> {
  const [bob, carol] = [Identity.generate().id, Identity.generate().id];
  await vault.put('notes', 'old', 'of the first epoch');
  await vault.grant('notes', bob);
  await vault.grant('notes', carol);
  await vault.revoke('notes', bob);
  await vault.addReplica('notes', bob);
  await vault.put('notes', 'new', { of: 'the second epoch' });
  await vault.putStream('notes', 'film', [film]);
  await vault.delete('notes', 'gone');
}

async function partsOf({ id, vault }: Pick<SecureNode, 'id' | 'vault'>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of vault.getStream(id, 'notes', 'film')) parts.push(part);
  return parts;
}

/** An export with its collections, which lie in it as bytes. */
function readExport(bytes: Uint8Array): { [field: string]: Data } {
  const { collections, ...rest } = dataFromBytes(bytes) as { collections: Uint8Array[] };
  return { ...rest, collections: collections.map(dataFromBytes) };
}

/** The bytes of an export, in which anything may have been altered. */
function writeExport(altered: Data): Uint8Array {
  const fields = altered as { collections?: Data } | null;
  const collections = fields?.collections;
  if (!Array.isArray(collections)) return dataToBytes(altered);
  return dataToBytes({ ...fields, collections: collections.map((part) => dataToBytes(part as Data)) });
}

/** All that an owner sees of its vault. */
async function contentOf({ id, vault }: SecureNode) {
  const items: Record<string, unknown> = {};
  for (const item of vault.items('notes')) {
    items[item] = item === 'film' ? await partsOf({ id, vault }) : await vault.get(id, 'notes', item);
  }
  return {
    items,
    readers: vault.readers('notes'),
    collections: vault.collections(),
    log: vault.audit('notes'),
  };
}

/** Proves that a vault can be changed, and read again, and that versions grow. */
async function use({ id, vault, vaultEngine }: SecureNode): Promise<void> {
  const version = () => vaultEngine.store.collection(id, 'notes')?.version ?? 0;
  const before = version();
  await vault.put('notes', 'used', before);
  assert.ok(version() > before);
  const now = Date.now();
  assert.ok(version() <= now + 1_000, `version ${version()} is of this time, ${now}`);
  assert.equal(await vault.get(id, 'notes', 'used'), before);
  await vault.delete('notes', 'used');
}

/** Whether a vault takes an export in; when it does not, it says why in a way that a program can tell. */
async function imports({ vault }: SecureNode, exported: Uint8Array, what: string): Promise<boolean> {
  try {
    await vault.import(exported);
    return true;
  } catch (error) {
    const codes = /^ERR_(VAULT_INVALID|SIGNATURE_INVALID|HASH_MISMATCH|DECRYPTION|FORK|NOT_PERMITTED)$/;
    assert.match(String((error as PeerloomError).code), codes, `${what}: ${error}`);
    return false;
  }
}

/** Each place inside a value, what else could stand there, and a function that puts it there. */
function* alterations(
  value: Data,
  path = '',
): Generator<[path: string, others: Data[], set: (other: Data) => void]> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  const container = value as Record<string, Data>;
  for (const key of Object.keys(container)) {
    const inside = `${path}.${key}`;
    const set = (other: Data): void => {
      container[key] = other;
    };
    yield [inside, others(container[key]!), set];
    yield* alterations(container[key]!, inside);
  }
}

/** What else could stand there: of another type, and near to it. */
function others(value: Data): Data[] {
  const any: Data[] = [null, 'x', -5, 1.5, [], {}, Number.MAX_SAFE_INTEGER];
  if (typeof value === 'number') return [...any, value + 1, value - 1, 2 ** 53];
  if (typeof value === 'boolean') return [...any, !value];
  if (typeof value === 'string') return [...any, `${value}x`, value.slice(1), `${value.slice(0, -1)}A`];
  if (value instanceof Uint8Array)
    return [...any, value.map((byte) => byte ^ 1), value.subarray(1), new Uint8Array(0)];
  if (Array.isArray(value))
    return [...any, value.slice(1), value.slice(0, -1), [...value, ...value], value.toReversed()];
  return any;
}

suite('the import of a vault', () => {
  test('brings everything back into a new vault, which goes on where the old one was', async (t) => {
    const identity = Identity.generate();
    const first = await startOwner(t, identity);
    await fill(first);
    const exported = await first.vault.export();
    const versions = ({ vaultEngine, id }: TestSecureNode) =>
      vaultEngine.store.collection(id, 'notes')!.version;
    const [content, version] = [await contentOf(first), versions(first)];
    await first.stop();
    const second = await startOwner(t, identity);
    await second.vault.import(exported);
    assert.deepEqual([await contentOf(second), versions(second)], [content, version]);
    await use(second);
    await second.vault.import(await second.vault.export());
    await use(second);
  });

  test('goes on where the old vault was also when nothing was written since a revocation', async (t) => {
    const identity = Identity.generate();
    const first = await startOwner(t, identity);
    const bob = Identity.generate().id;
    await first.vault.put('notes', 'one', 1);
    await first.vault.grant('notes', bob);
    await first.vault.revoke('notes', bob);
    const { version } = first.vaultEngine.store.collection(first.id, 'notes')!;
    const second = await startOwner(t, identity);
    await second.vault.import(await first.vault.export());
    assert.equal(second.vaultEngine.store.collection(first.id, 'notes')!.version, version);
  });

  test('of an older export never takes a version back', async (t) => {
    const alice = await startOwner(t, Identity.generate());
    const { store } = alice.vaultEngine;
    await alice.vault.put('notes', 'one', 1);
    const exported = await alice.vault.export();
    await alice.vault.put('notes', 'two', 2);
    const { version } = store.collection(alice.id, 'notes')!;
    await alice.vault.import(exported);
    assert.equal(store.collection(alice.id, 'notes')!.version, version);
    assert.equal(await alice.vault.get(alice.id, 'notes', 'two'), 2);
  });

  test('that was altered anywhere harms no vault: it is refused as a whole, or brings nothing untrue', async (t) => {
    const identity = Identity.generate();
    const old = await startOwner(t, identity);
    await fill(old);
    const exported = await old.vault.export();
    const content = await contentOf(old);
    const fresh = () => new SecureNode('fresh', 1, { identity, limits, transports: [memory()] });
    let untouched = fresh();
    let [refused, taken] = [0, 0];
    const holder: { export: Data } = { export: readExport(exported) };
    for (const [index, [path, { length }]] of [...alterations(holder.export)].entries()) {
      for (let other = 0; other < length; other++) {
        holder.export = readExport(exported);
        const [, values, set] = [...alterations(holder.export)][index]!;
        set(values[other]!);
        const altered = writeExport(holder.export);
        const what = `${path}, ${other}`;
        const isTaken = await imports(untouched, altered, what);
        await imports(old, altered, what);
        assert.deepEqual(await contentOf(old), content, what);
        if (isTaken) {
          const { items } = (await contentOf(untouched)) as typeof content;
          for (const [name, value] of Object.entries(items))
            assert.deepEqual(value, content.items[name], what);
          await use(untouched);
          untouched = fresh();
          taken += 1;
        } else {
          assert.deepEqual(untouched.vault.collections(), [], what);
          refused += 1;
        }
      }
    }
    await use(old);
    assert.ok(refused > 500 && taken > 0, `${refused} refused, ${taken} taken`);
  });

  test('refuses chunks that are damaged, missing, too many, or of no item', async (t) => {
    const identity = Identity.generate();
    const first = await startOwner(t, identity);
    await first.vault.putStream('notes', 'film', [film]);
    const exported = await first.vault.export();
    type Chunks = Record<string, Uint8Array[]>;
    const changes: ((chunks: Chunks, blob: string) => void)[] = [
      (chunks, blob) => {
        chunks[blob]![1]![5]! ^= 1;
      },
      (chunks, blob) => void chunks[blob]!.pop(),
      (chunks, blob) => void chunks[blob]!.push(Uint8Array.of(1)),
      (chunks, blob) => void chunks[blob]!.reverse(),
      (chunks, blob) => void delete chunks[blob],
      (chunks) => {
        chunks['a'.repeat(32)] = [Uint8Array.of(1)];
      },
    ];
    const second = await startOwner(t, identity);
    for (const change of changes) {
      const backup = readExport(exported) as unknown as { collections: { chunks: Chunks }[] };
      const { chunks } = backup.collections[0]!;
      change(chunks, Object.keys(chunks)[0]!);
      const altered = writeExport(backup as unknown as Data);
      for (const { vault } of [first, second]) {
        await assert.rejects(vault.import(altered), withCode('ERR_VAULT_INVALID'), String(change));
      }
      assert.deepEqual(second.vault.collections(), [], 'nothing of it is kept');
    }
    const parts = await partsOf(first);
    assert.deepEqual(Buffer.concat(parts), Buffer.from(film), 'the chunks that were here are as they were');
  });

  test('that is refused for its last collection has taken nothing of the first, also not in memory', async (t) => {
    const identity = Identity.generate();
    const first = await startOwner(t, identity);
    await first.vault.put('a', 'one', 1);
    await first.vault.grant('a', Identity.generate().id);
    await first.vault.put('b', 'two', 2);
    const { body } = first.vaultEngine.store.item(first.id, 'b', 'two')!;
    const damaged = Uint8Array.from(await first.vault.export());
    damaged[Buffer.from(damaged).indexOf(body) + 20]! ^= 1;
    const second = await startOwner(t, identity);
    await assert.rejects(second.vault.import(damaged), withCode('ERR_SIGNATURE_INVALID'));
    assert.deepEqual([second.vault.collections(), second.vault.readers('a')], [[], []]);
    await second.vault.put('a', 'other', 3);
    assert.deepEqual(
      second.vault.audit('a').map(({ sequence, change }) => [sequence, change.kind]),
      [[1, 'create']],
    );
    assert.equal(await second.vault.get(second.id, 'a', 'other'), 3);
  });

  test('is made and read in steps: others run in between, and changes wait until it is made', async (t) => {
    const identity = Identity.generate();
    const first = await startOwner(t, identity);
    const names = Array.from({ length: 300 }, (_, index) => `collection ${index}`);
    for (const name of names) await first.vault.put(name, 'one', 'before');
    let turns = 0;
    let counting = setImmediate(function count() {
      turns += 1;
      counting = setImmediate(count);
    });
    t.after(() => clearImmediate(counting));
    const exporting = first.vault.export();
    const changing = first.vault.put(names.at(-1)!, 'one', 'after');
    const exported = await exporting;
    const turnsOfExport = turns;
    await changing;
    assert.ok(turnsOfExport > 0, 'the event loop went on');
    const second = await startOwner(t, identity);
    await second.vault.import(exported);
    assert.ok(turns > turnsOfExport);
    assert.equal(await second.vault.get(second.id, names.at(-1)!, 'one'), 'before');
    assert.equal(second.vault.collections().length, names.length);
    assert.equal(await first.vault.get(first.id, names.at(-1)!, 'one'), 'after');
  });

  test('refuses the export of another node, also an empty one', async (t) => {
    const [alice, bob] = [await startOwner(t, Identity.generate()), await startOwner(t, Identity.generate())];
    const belongs = withCode('ERR_VAULT_INVALID', new RegExp(`belongs to ${bob.id}`));
    await assert.rejects(alice.vault.import(await bob.vault.export()), belongs);
    await bob.vault.put('notes', 'one', 1);
    await assert.rejects(alice.vault.import(await bob.vault.export()), belongs);
    assert.deepEqual(alice.vault.collections(), []);
  });

  test('refuses an export that has a collection twice', async (t) => {
    const alice = await startOwner(t, Identity.generate());
    await alice.vault.put('notes', 'one', 1);
    const twice = readExport(await alice.vault.export());
    twice.collections = [twice.collections, twice.collections].flat() as Data;
    await assert.rejects(
      alice.vault.import(writeExport(twice)),
      withCode('ERR_VAULT_INVALID', /notes twice/),
    );
  });

  test('refuses what is not an export', async (t) => {
    const alice = await startOwner(t, Identity.generate());
    const format = 'peerloom-vault-export-3';
    for (const data of [
      null,
      'x',
      {},
      [],
      { format: 'x' },
      { format, owner: alice.id },
      { format, owner: alice.id, collections: [null] },
      { format, owner: alice.id, collections: [Uint8Array.of(9)] },
      { format, owner: alice.id, collections: [dataToBytes({ collection: 'notes' })] },
    ]) {
      await assert.rejects(
        alice.vault.import(dataToBytes(data)),
        withCode('ERR_VAULT_INVALID', /not an export|malformed/),
      );
    }
    await assert.rejects(alice.vault.import(Uint8Array.of(2, 255)), withCode('ERR_VAULT_INVALID'));
    await assert.rejects(alice.vault.import(new Uint8Array(0)), withCode('ERR_VAULT_INVALID'));
  });
});
