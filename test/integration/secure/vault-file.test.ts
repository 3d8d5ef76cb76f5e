import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { encryptionKeysOf, HpkeOpener } from '../../../src/secure/hpke.ts';
import { EpochKeys } from '../../../src/secure/vault/epoch-keys.ts';
import { SqliteVaultStore } from '../../../src/secure/vault/sqlite-vault-store.ts';
import type { FetchAnswer } from '../../../src/secure/vault/vault-protocol.ts';
import { withCode } from '../../support/errors.ts';
import { connect, World } from './support/secure-nodes.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-vault-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

suite('the file of a vault', () => {
  test('keeps everything from one run to the next, and continues the history', async (t) => {
    const path = join(temporaryFolder(t), 'new', 'alice.db');
    const world = new World(t);
    const identity = Identity.generate();
    const bob = await world.start('bob');
    const first = await world.start('alice', { identity, vault: { path } });
    await first.vault.put('diary', 'monday', { weather: Float32Array.of(1) });
    await first.vault.grant('diary', bob.id);
    await first.stop();
    const second = await world.start('alice-again', { identity, vault: { path } });
    assert.deepStrictEqual(await second.vault.get(identity.id, 'diary', 'monday'), {
      weather: Float32Array.of(1),
    });
    await second.vault.put('diary', 'tuesday', 'sun');
    await connect(bob, second);
    assert.equal(await bob.vault.get(identity.id, 'diary', 'tuesday'), 'sun');
    assert.deepEqual(
      second.vault.audit('diary').map(({ sequence }) => sequence),
      [1, 2],
    );
  });

  test('remembers what a reader has seen, so that nothing older is believed after a restart', async (t) => {
    const path = join(temporaryFolder(t), 'bob.db');
    const world = new World(t);
    const alice = await world.start('alice');
    const identity = Identity.generate();
    const bob = await world.start('bob', { identity, vault: { path } });
    await connect(alice, bob);
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    const request = { owner: alice.id, collection: 'diary', after: 0, item: 'monday' };
    const old = await alice.vaultEngine.respond('vault-fetch', request, bob.id);
    await alice.vault.put('diary', 'monday', 'sun');
    assert.equal(await bob.vault.get(alice.id, 'diary', 'monday'), 'sun');
    await bob.stop();
    const again = await world.start('bob-again', { identity, vault: { path } });
    assert.equal(await again.vault.get(alice.id, 'diary', 'monday'), 'sun', 'from the local copy');
    await connect(alice, again);
    alice.vaultEngine.respond = async () => old;
    await assert.rejects(again.vault.get(alice.id, 'diary', 'monday'), withCode('ERR_ROLLBACK'));
  });

  test('a replica that restarts is brought up to date when it is back', async (t) => {
    const path = join(temporaryFolder(t), 'replica.db');
    const world = new World(t);
    const alice = await world.start('alice');
    const bob = await world.start('bob');
    const identity = Identity.generate();
    const first = await world.start('replica', { identity, vault: { path } });
    await connect(alice, first);
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    await alice.vault.addReplica('diary', first.id);
    await alice.vault.sync();
    await first.stop();
    await alice.vault.put('diary', 'tuesday', 'sun');
    assert.ok((await alice.vault.sync())[0]!.error, 'the replica is away');
    const second = await world.start('replica-again', { identity, vault: { path } });
    await connect(alice, second);
    await alice.vault.sync();
    await alice.stop();
    await connect(bob, second);
    assert.equal(await bob.vault.get(alice.id, 'diary', 'monday'), 'rain');
    assert.equal(await bob.vault.get(alice.id, 'diary', 'tuesday'), 'sun');
  });

  test('holds no plaintext and no unwrapped key', async (t) => {
    const folder = temporaryFolder(t);
    const world = new World(t);
    const identity = Identity.generate();
    const bobIdentity = Identity.generate();
    const alice = await world.start('alice', { identity, vault: { path: join(folder, 'alice.db') } });
    const bob = await world.start('bob', { identity: bobIdentity, vault: { path: join(folder, 'bob.db') } });
    const replica = await world.start('replica', { vault: { path: join(folder, 'replica.db') } });
    await connect(alice, bob);
    await connect(alice, replica);
    const secrets = ['a very private sentence', 'another one', 'for after the revocation', 'in a stream'];
    const bytes = Uint8Array.from({ length: 64 }, (_, index) => (index * 37) & 255);
    await alice.vault.put('diary', 'text', secrets[0]!);
    await alice.vault.put('diary', 'object', { inside: secrets[1]!, bytes });
    await alice.vault.putStream('diary', 'stream', [Buffer.from(secrets[3]!)]);
    await alice.vault.grant('diary', bob.id);
    await alice.vault.addReplica('diary', replica.id);
    assert.equal(await bob.vault.get(alice.id, 'diary', 'text'), secrets[0]);
    for await (const chunk of bob.vault.getStream(alice.id, 'diary', 'stream')) {
      assert.equal(Buffer.from(chunk).toString(), secrets[3]);
    }
    await bob.vault.get(alice.id, 'diary', 'object');
    await alice.vault.revoke('diary', bob.id, { reencrypt: true });
    await alice.vault.put('diary', 'text', secrets[2]!);
    await alice.vault.sync();
    const request = { owner: alice.id, collection: 'diary', after: 0, since: 0 };
    const { state } = (await alice.vaultEngine.respond(
      'vault-fetch',
      request,
      alice.id,
    )) as unknown as FetchAnswer;
    const opener = new EpochKeys(alice.id, new HpkeOpener(encryptionKeysOf(identity)));
    const keys = state!.epochs.map((epoch) => opener.unwrap({ ...request, epoch: epoch.epoch }, epoch));
    const forbidden = [
      ...secrets.map((text) => Buffer.from(text)),
      Buffer.from(bytes),
      ...[identity, bobIdentity].map((one) => Buffer.from(one.toPkcs8().subarray(-32))),
      ...(await Promise.all(keys)).flatMap((key) => [
        Buffer.from(key),
        Buffer.from(Buffer.from(key).toString('base64url')),
      ]),
    ];
    const content = () => readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    assert.ok(readdirSync(folder).includes('alice.db-wal'), 'changes are in the write-ahead log as well');
    for (const file of content()) for (const secret of forbidden) assert.equal(file.indexOf(secret), -1);
    await Promise.all([alice, bob, replica].map((node) => node.stop()));
    for (const file of content()) for (const secret of forbidden) assert.equal(file.indexOf(secret), -1);
    assert.ok(
      content().some((file) => file.includes('diary')),
      'the test can find what is there',
    );
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
  });

  test('opens after its process ended in the middle of a checkpoint: the header is ahead of the file', (t) => {
    const path = join(temporaryFolder(t), 'vault.db');
    const { id } = Identity.generate();
    const store = new SqliteVaultStore(path, id);
    const fields = { owner: id, collection: 'c', epoch: 1, time: 0, deleted: false, blob: '' };
    const contents = { body: new Uint8Array(10_000), signature: new Uint8Array(64) };
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    for (const version of numbers) store.saveItem({ ...fields, ...contents, item: `${version}`, version });
    const [before, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
    store.close();
    const after = readFileSync(path);
    assert.ok(after.length > before.length, 'the checkpoint made the file longer');
    const pageBytes = 4_096;
    writeFileSync(path, Buffer.concat([after.subarray(0, pageBytes), before.subarray(pageBytes)]));
    writeFileSync(`${path}-wal`, log);
    const again = new SqliteVaultStore(path, id);
    for (const version of numbers) assert.equal(again.item(id, 'c', `${version}`)?.version, version);
    again.close();
  });

  test('is of one process and one identity, and says what is wrong', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'vault.db');
    const [id, other] = [Identity.generate().id, Identity.generate().id];
    const store = new SqliteVaultStore(path, id);
    assert.throws(() => new SqliteVaultStore(path, id), withCode('ERR_VAULT_FILE', /another process/));
    store.close();
    assert.throws(() => new SqliteVaultStore(path, other), withCode('ERR_VAULT_FILE', /another identity/));
    new SqliteVaultStore(path, id).close();
    const damaged = join(folder, 'damaged.db');
    writeFileSync(damaged, 'this is no database, however long one looks at it '.repeat(100));
    assert.throws(() => new SqliteVaultStore(damaged, id), withCode('ERR_VAULT_FILE'));
    assert.throws(() => new SqliteVaultStore(folder, id), withCode('ERR_VAULT_FILE'));
    assert.throws(() => store.collection(id, 'x'), withCode('ERR_NOT_STARTED'));
  });

  test('a reencryption that was cut short is finished', async (t) => {
    const path = join(temporaryFolder(t), 'alice.db');
    const world = new World(t);
    const identity = Identity.generate();
    const bob = Identity.generate().id;
    const first = await world.start('alice', { identity, vault: { path } });
    for (let count = 0; count < 300; count++) await first.vault.put('many', `${count}`, count);
    await first.vault.grant('many', bob);
    const save = SqliteVaultStore.prototype.saveItem;
    let saved = 0;
    t.mock.method(SqliteVaultStore.prototype, 'saveItem', function (this: SqliteVaultStore, item: never) {
      if (++saved > 280) throw new Error('as if killed');
      save.call(this, item);
    });
    await assert.rejects(first.vault.revoke('many', bob, { reencrypt: true }), /as if killed/);
    t.mock.restoreAll();
    await first.stop();
    const left = new SqliteVaultStore(path, identity.id);
    const oldItems = () =>
      left.itemsOfEpochs({ owner: identity.id, collection: 'many' }, { first: 1, last: 1, limit: 999 });
    assert.equal(oldItems().length, 300 - 256);
    left.close();
    const second = await world.start('alice-again', { identity, vault: { path } });
    await second.vault.put('other', 'x', 1);
    for (let count = 0; count < 300; count++)
      assert.equal(await second.vault.get(identity.id, 'many', `${count}`), count);
    await second.stop();
    const finished = new SqliteVaultStore(path, identity.id);
    const name = { owner: identity.id, collection: 'many' };
    assert.deepEqual(finished.itemsOfEpochs(name, { first: 1, last: 1, limit: 1 }), []);
    finished.close();
  });
});
