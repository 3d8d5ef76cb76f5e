import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, type TestContext, test } from 'node:test';
import type { DiscoveryHost, FoundNode, KnownNode } from '../../../src/index.ts';
import { peerStore } from '../../../src/index.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

function pathFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'peer-store-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'peers.db');
}

/** A store on a host that a test plays. */
function startStore(path: string, { network = 'net', runtime = new VirtualRuntime() } = {}) {
  const found: FoundNode[] = [];
  const failures: Error[] = [];
  const store = peerStore({ path });
  const host: DiscoveryHost = {
    id: 'self',
    network,
    addresses: [],
    runtime,
    log: () => {},
    found: (node) => found.push(node) > 0,
    failed: (error) => void failures.push(error),
  };
  const start = (): void => void store.start(host);
  start();
  return { store, found, failures, runtime };
}

function nodeOf(id: string, more: Partial<KnownNode> = {}): KnownNode {
  const addresses = [`tls://192.0.2.1:${1 + (id.length % 1_000)}`];
  return {
    id,
    addresses,
    source: 'connection',
    isConnected: true,
    isProven: false,
    lastConnectedAt: 0,
    ...more,
  };
}

suite('a peer store', () => {
  test('may be stopped before it was started, twice, and hears of nothing afterwards', (t) => {
    const path = pathFor(t);
    peerStore({ path }).stop();
    const { store, failures } = startStore(path);
    const node = nodeOf('there');
    store.connected!(node);
    store.stop();
    store.stop();
    store.disconnected!(node);
    assert.deepEqual(failures, []);
    assert.deepEqual(
      startStore(path).found.map(({ id }) => id),
      ['there'],
    );
  });

  test('reports in the next run what it was told in this one, what was proven first', async (t) => {
    const path = pathFor(t);
    const { store, found, runtime } = startStore(path);
    assert.deepEqual(found, []);
    store.connected!(nodeOf('only connected'));
    await runtime.advance(1_000);
    store.connected!(nodeOf('reached', { isProven: true, addresses: ['tls://a:1', 'tls://b:1'] }));
    store.connected!(nodeOf('only dials', { addresses: [] }));
    await runtime.advance(1_000);
    store.disconnected!(nodeOf('only connected'));
    const leftAt = runtime.wallNow();
    await runtime.advance(1_000);
    store.stop();
    const stoppedAt = runtime.wallNow();
    const next = startStore(path);
    assert.deepEqual(next.found, [
      { address: 'tls://a:1', id: 'reached', lastConnectedAt: stoppedAt },
      { address: 'tls://b:1', id: 'reached', lastConnectedAt: stoppedAt },
      { address: nodeOf('only connected').addresses[0], id: 'only connected', lastConnectedAt: leftAt },
    ]);
    next.store.stop();
  });

  test('has written what it was told when its process is killed', (t) => {
    const path = pathFor(t);
    const { store } = startStore(path);
    store.connected!(nodeOf('one'));
    const copy = `${path}.copy`;
    for (const end of ['', '-wal']) writeFileSync(copy + end, readFileSync(path + end));
    const next = startStore(copy);
    assert.deepEqual(
      next.found.map(({ id }) => id),
      ['one'],
    );
    next.store.stop();
    store.stop();
  });

  test('is a file for its user alone, and keeps networks apart', (t) => {
    const path = pathFor(t);
    const { store } = startStore(path, { network: 'one' });
    assert.equal(statSync(path).mode & 0o077, 0);
    store.connected!(nodeOf('one'));
    store.stop();
    const other = startStore(path, { network: 'other' });
    assert.deepEqual(other.found, []);
    other.store.stop();
  });

  test('holds 512 nodes: strangers who only connect push out each other', (t) => {
    const path = pathFor(t);
    const { store } = startStore(path);
    for (let index = 0; index < 100; index++) {
      store.connected!(nodeOf(`reached ${index}`, { isProven: true }));
    }
    for (let index = 0; index < 1_000; index++) {
      store.connected!(nodeOf(`stranger ${index}`));
      store.disconnected!(nodeOf(`stranger ${index}`));
    }
    store.stop();
    const database = new DatabaseSync(path);
    assert.equal(database.prepare('SELECT count(*) AS count FROM nodes').get()!.count, 512);
    const proven = database.prepare('SELECT count(*) AS count FROM nodes WHERE is_proven').get();
    assert.equal(proven!.count, 100);
    database.close();
    const next = startStore(path);
    assert.equal(next.found.length, 128);
    next.store.stop();
  });

  test('is used by one node at a time', (t) => {
    const path = pathFor(t);
    const { store } = startStore(path);
    assert.throws(() => startStore(path), { code: 'ERR_PEER_STORE', message: /already open/ });
    store.stop();
    startStore(path).store.stop();
  });

  test('refuses any other file with one error, and changes none', (t) => {
    const path = pathFor(t);
    const foreign = new DatabaseSync(path);
    foreign.exec('CREATE TABLE notes (text TEXT)');
    foreign.close();
    const others: [content: Uint8Array, message: RegExp][] = [
      [readFileSync(path), /it is not a peer store but another file, which was not changed/],
      [
        Buffer.from('not a database at all, but a text that is long enough to be one'.repeat(20)),
        /it is damaged/,
      ],
    ];
    for (const [content, message] of others) {
      writeFileSync(path, content);
      assert.throws(() => startStore(path), { code: 'ERR_PEER_STORE', message });
      assert.deepEqual(readFileSync(path), content);
    }
    assert.throws(() => startStore(tmpdir()), { code: 'ERR_PEER_STORE', message: /it is a folder/ });
  });

  test('refuses a file of a later version, and one whose rows nobody has written', (t) => {
    const spoil: [sql: string, message: RegExp][] = [
      ['PRAGMA user_version = 2', /written by another version/],
      ["UPDATE nodes SET addresses = '['", /it is damaged/],
      ['UPDATE nodes SET addresses = 5', /it holds what no peer store writes|it is damaged/],
    ];
    for (const [sql, message] of spoil) {
      const path = pathFor(t);
      const { store } = startStore(path);
      store.connected!(nodeOf('one'));
      store.stop();
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
      assert.throws(() => startStore(path), { code: 'ERR_PEER_STORE', message });
    }
  });

  test('reports a full disk once', (t) => {
    const path = pathFor(t);
    const { store, failures } = startStore(path);
    // As if the disk had no room for another page.
    const addresses = [`tls://${'a'.repeat(200)}:1`];
    t.mock.method(JSON, 'stringify', () => {
      throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
    });
    for (let index = 0; index < 3; index++) store.connected!(nodeOf(`${index}`, { addresses }));
    t.mock.restoreAll();
    assert.deepEqual(
      failures.map(({ message }) => message),
      [`the peer store ${path} cannot be used: database or disk is full`],
    );
    store.stop();
  });

  test('is checked when it is made', () => {
    assert.throws(() => peerStore({} as never), /peerStore.path must be a string, not undefined/);
    assert.throws(() => peerStore({ path: 'a', pathh: 1 } as never), /peerStore.pathh is not an option/);
  });
});
