import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { IDBDatabase, IDBFactory } from 'fake-indexeddb';
import { SecureNode, type SecureNodeOptions } from '../../../src/secure/index.ts';
import { withCode } from '../../support/errors.ts';
import { until } from '../../support/turns.ts';
import '../../support/look-over.ts';

/** What the browser does with writes. */
let disk: 'works' | 'is full' | Promise<void> = 'works';

/** A browser for the test: pages are nodes with an identity and a vault in stores. */
function browserFor(t: TestContext, { hasLocks = true } = {}) {
  const indexedDB = new IDBFactory();
  Object.assign(globalThis, { indexedDB });
  disk = 'works';
  if (!hasLocks) {
    Object.defineProperty(navigator, 'locks', { value: undefined, configurable: true });
    t.after(() => Reflect.deleteProperty(navigator, 'locks'));
  }
  const start = async (options: SecureNodeOptions): Promise<SecureNode> => {
    const node = new SecureNode('127.0.0.1', 0, options);
    t.after(() => node.stop());
    await node.start();
    return node;
  };
  const open = async (store: string, options: SecureNodeOptions = {}): Promise<SecureNode> =>
    start({ identity: { store }, vault: { store }, ...options });
  return { start, open };
}

/** From now on, `disk` decides on transactions that write. */
function controlDisk(t: TestContext): void {
  const { transaction: original } = IDBDatabase.prototype;
  t.mock.method(IDBDatabase.prototype, 'transaction', function (this: IDBDatabase, ...args: never[]) {
    const transaction: IDBTransaction = (original as (...args: never[]) => IDBTransaction).apply(
      this as never,
      args,
    );
    if ((args as unknown[])[1] !== 'readwrite' || disk === 'works') return transaction;
    const fail = (): void => {
      Object.defineProperty(transaction, 'error', { value: new DOMException('full', 'QuotaExceededError') });
      transaction.abort();
    };
    if (disk === 'is full') queueMicrotask(fail);
    else void keepOpen(transaction, disk).then(fail);
    return transaction;
  });
}

/** A transaction ends by itself when nobody asks for anything. */
async function keepOpen(transaction: IDBTransaction, until: Promise<void>): Promise<void> {
  let isOver = false;
  void until.then(() => {
    isOver = true;
  });
  for (let turn = 0; turn < 10_000 && !isOver; turn++) {
    const request = transaction.objectStore('meta').get('mark');
    await new Promise((resolve) => request.addEventListener('success', resolve));
  }
}

const film = new Uint8Array(2_500_000).map((_, index) => index % 251);

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

suite('the vault of a page', () => {
  test('is there when the page is opened again; others read it, and it reads what others own', async (t) => {
    const { start, open } = browserFor(t);
    const alice = await start({});
    const first = await open('diary');
    await alice.connectWithNode('127.0.0.1', first.port);
    await alice.vault.put('news', 'today', 'from Node.js');
    await alice.vault.putStream('news', 'film', [film]);
    await alice.vault.grant('news', first.id);
    await first.vault.put('notes', 'monday', { text: 'from a page', bytes: film.slice(0, 9) });
    await first.vault.put('notes', 'tuesday', 'sun');
    await first.vault.putStream('notes', 'film', [film]);
    await first.vault.grant('notes', alice.id);
    await first.vault.delete('notes', 'tuesday');
    assert.deepEqual(await alice.vault.get(first.id, 'notes', 'monday'), {
      text: 'from a page',
      bytes: film.slice(0, 9),
    });
    assert.deepEqual(await bytesOf(alice.vault.getStream(first.id, 'notes', 'film')), Buffer.from(film));
    assert.equal(await first.vault.get(alice.id, 'news', 'today'), 'from Node.js');
    assert.deepEqual(await bytesOf(first.vault.getStream(alice.id, 'news', 'film')), Buffer.from(film));
    const audit = first.vault.audit('notes');
    const exported = await first.vault.export();
    await first.stop();

    const second = await open('diary');
    assert.equal(second.id, first.id);
    assert.deepEqual(second.vault.items('notes'), ['film', 'monday']);
    assert.deepEqual(second.vault.audit('notes'), audit);
    assert.deepEqual(
      second.vault.readers('notes').map(({ id }) => id),
      [alice.id],
    );
    assert.deepEqual(await bytesOf(second.vault.getStream(second.id, 'notes', 'film')), Buffer.from(film));
    assert.deepEqual(await second.vault.export(), exported);
    assert.equal(await second.vault.get(alice.id, 'news', 'today'), 'from Node.js', 'its copy');
    await second.vault.revoke('notes', alice.id, { reencrypt: true });
    await alice.connectWithNode('127.0.0.1', second.port);
    await assert.rejects(alice.vault.get(second.id, 'notes', 'monday'), withCode('ERR_NOT_PERMITTED'));
    await second.vault.import(exported).then(
      () => assert.fail('the export is older'),
      (error) => assert.ok(withCode('ERR_ROLLBACK')(error)),
    );
  });

  test('is a replica of others, also after the page was closed', async (t) => {
    const { start, open } = browserFor(t);
    const [alice, bob] = [await start({}), await start({})];
    const first = await open('replica');
    await alice.connectWithNode('127.0.0.1', first.port);
    await alice.vault.put('news', 'today', 'kept');
    await alice.vault.putStream('news', 'film', [film]);
    await alice.vault.grant('news', bob.id);
    await alice.vault.addReplica('news', first.id);
    assert.deepEqual(
      (await alice.vault.sync()).map(({ error }) => error),
      [undefined],
    );
    await alice.stop();
    await first.stop();
    const second = await open('replica');
    await bob.connectWithNode('127.0.0.1', second.port);
    assert.equal(await bob.vault.get(alice.id, 'news', 'today'), 'kept');
    assert.deepEqual(await bytesOf(bob.vault.getStream(alice.id, 'news', 'film')), Buffer.from(film));
  });

  test('of which the browser keeps no more fails with one error, and is as it was before', async (t) => {
    const { start, open } = browserFor(t);
    const bob = await start({});
    const page = await open('full');
    await bob.connectWithNode('127.0.0.1', page.port);
    await page.vault.put('notes', 'monday', 'rain');
    await page.vault.putStream('notes', 'film', [film]);
    await page.vault.grant('notes', bob.id);
    controlDisk(t);
    disk = 'is full';
    const full = withCode('ERR_VAULT_FILE', /the browser gives this page no more room/);
    const refused = [
      () => page.vault.put('notes', 'monday', 'sun'),
      () => page.vault.put('other', 'new', 'thing'),
      () => page.vault.delete('notes', 'monday'),
      () => page.vault.putStream('notes', 'film', [film.slice(9)]),
      () => page.vault.revoke('notes', bob.id),
    ];
    for (const change of refused) await assert.rejects(change(), full);
    assert.deepEqual(page.vault.items('notes'), ['film', 'monday']);
    assert.deepEqual(
      page.vault.collections().map(({ collection }) => collection),
      ['notes'],
    );
    assert.equal(await bob.vault.get(page.id, 'notes', 'monday'), 'rain');
    disk = 'works';
    await page.vault.put('notes', 'wednesday', 'wind');
    assert.deepEqual(await bytesOf(bob.vault.getStream(page.id, 'notes', 'film')), Buffer.from(film));
    await page.stop();
    const again = await open('full');
    assert.deepEqual(again.vault.items('notes'), ['film', 'monday', 'wednesday']);
    assert.equal(await again.vault.get(again.id, 'notes', 'monday'), 'rain');
    assert.deepEqual(
      again.vault.readers('notes').map(({ id }) => id),
      [bob.id],
    );
  });

  test('gives others nothing that is not on the disk', async (t) => {
    const { start, open } = browserFor(t);
    const bob = await start({});
    const page = await open('slow');
    await bob.connectWithNode('127.0.0.1', page.port);
    await page.vault.put('notes', 'monday', 'rain');
    await page.vault.grant('notes', bob.id);
    controlDisk(t);
    const writing = Promise.withResolvers<void>();
    disk = writing.promise;
    const changed = assert.rejects(page.vault.put('notes', 'monday', 'sun'), withCode('ERR_VAULT_FILE'));
    await until(() => page.vaultEngine.store.written() !== undefined, 'the change is being written');
    let isRead = false;
    const read = bob.vault.get(page.id, 'notes', 'monday').finally(() => {
      isRead = true;
    });
    await bob.ping(page.id);
    await bob.ping(page.id);
    assert.equal(isRead, false);
    writing.resolve(); // and the write fails
    await changed;
    await assert.rejects(read, withCode('ERR_NO_ROUTE'));
    disk = 'works';
    assert.equal(await bob.vault.get(page.id, 'notes', 'monday'), 'rain');
  });

  test('belongs to one page at a time, and to one identity', {
    skip: !('locks' in navigator) && 'Node.js 24.5 has Web Locks',
  }, async (t) => {
    const { open } = browserFor(t);
    const first = await open('shared');
    const { identity } = { identity: { store: 'another' } };
    await assert.rejects(
      open('shared', { identity }),
      withCode('ERR_VAULT_FILE', /another page of this browser/),
    );
    await first.stop();
    await assert.rejects(
      open('shared', { identity }),
      withCode('ERR_VAULT_FILE', /belongs to another identity/),
    );
    await open('shared');
  });

  test('is written by the page that opened it last, where pages cannot lock it', async (t) => {
    const { open } = browserFor(t, { hasLocks: false });
    const first = await open('shared');
    await first.vault.put('notes', 'monday', 'rain');
    await first.vault.putStream('notes', 'film', [film]);
    const second = await open('shared');
    const outdated = withCode('ERR_VAULT_FILE', /another page of this browser has opened it since/);
    await assert.rejects(first.vault.put('notes', 'monday', 'sun'), outdated);
    await assert.rejects(first.vault.put('notes', 'tuesday', 'sun'), outdated);
    assert.equal(await first.vault.get(first.id, 'notes', 'monday'), 'rain');
    await second.vault.put('notes', 'wednesday', 'wind');
    await Promise.all([first.stop(), second.stop()]);
    const third = await open('shared');
    assert.deepEqual(third.vault.items('notes'), ['film', 'monday', 'wednesday']);
  });

  test('has no chunks of a large item that was never finished', async (t) => {
    const { open } = browserFor(t);
    const first = await open('film');
    const left = 'ab'.repeat(16);
    first.vaultEngine.store.saveChunk(first.id, left, 0, film);
    await first.vault.putStream('notes', 'film', [film]);
    await first.stop();
    const second = await open('film');
    assert.equal(second.vaultEngine.store.countChunks(second.id, left), 0);
    assert.equal(second.vault.items('notes').length, 1);
  });

  test('is not there before the node has started, and needs a browser', async () => {
    Object.assign(globalThis, { indexedDB: new IDBFactory() });
    const node = new SecureNode('127.0.0.1', 0, { identity: { store: 'a' }, vault: { store: 'a' } });
    assert.throws(() => node.vault, withCode('ERR_NOT_STARTED', /start\(\)/));
    assert.throws(
      () => new SecureNode('127.0.0.1', 0, { vault: { store: 'a', path: 'b' } }),
      /vault.path and vault.store cannot both be given/,
    );
    Object.assign(globalThis, { indexedDB: undefined });
    assert.throws(
      () => new SecureNode('127.0.0.1', 0, { vault: { store: 'a' } }),
      withCode('ERR_TRANSPORT_UNAVAILABLE', /vault.store needs IndexedDB/),
    );
  });
});
