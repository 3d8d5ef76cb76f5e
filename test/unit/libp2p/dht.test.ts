import '../../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { memory, Node } from '../../../src/index.ts';
import { BoundedStore, maxFolderEntries } from '../../../src/libp2p/bounded-store.ts';
import { internet, lan, libp2p, libp2pDht, libp2pMdns } from '../../../src/libp2p/index.ts';
import { ToldMultiaddrs } from '../../../src/libp2p/told-multiaddrs.ts';
import { withCode } from '../../support/errors.ts';

type Key = Parameters<BoundedStore['has']>[0];

const keyOf = (name: string): Key => ({ toString: () => name }) as Key;
const limits = { maxEntries: 100, maxBytes: 60_000, maxValueBytes: 1_000 };

async function namesIn(store: BoundedStore, prefix: string): Promise<string[]> {
  return [...store.query({ prefix })].map(({ key }) => key.toString());
}

suite('the store of a libp2p node', () => {
  test('keeps what was used last when others fill it', () => {
    const store = new BoundedStore({ limits });
    store.put(keyOf('/peers/self'), Uint8Array.of(1));
    for (let count = 0; count < 10_000; count++) {
      store.put(keyOf(`/dht/provider/${count % 7}/${count}`), new Uint8Array(count % 500));
      assert.deepEqual(store.get(keyOf('/peers/self')), Uint8Array.of(1));
    }
    assert.ok(store.size <= 100, `${store.size} entries`);
    assert.ok(store.heldBytes <= 60_000, `${store.heldBytes} bytes`);
    assert.throws(() => store.get(keyOf('/dht/provider/0/0')), { name: 'NotFoundError' });
    assert.throws(() => store.put(keyOf('/large'), new Uint8Array(1_001)), RangeError);
  });

  test('counts what it holds, and holds nothing after the last is deleted', () => {
    const store = new BoundedStore({ limits });
    for (const size of [10, 500, 20]) store.put(keyOf('/a/one'), new Uint8Array(size));
    const { heldBytes } = store;
    store.put(keyOf('/a/two'), new Uint8Array(20));
    assert.equal(store.heldBytes, 2 * heldBytes);
    for (const name of ['/a/one', '/a/two', '/a/none']) store.delete(keyOf(name));
    assert.deepEqual([store.size, store.heldBytes], [0, 0]);
  });

  test('hands out the newest entries of a folder, and none that lacks what it needs', async () => {
    const needs = (key: string): string | undefined =>
      key.startsWith('/dht/provider/') ? `/peers/${key.split('/').at(-1)}` : undefined;
    const store = new BoundedStore({ needs });
    for (let count = 0; count < 200; count++) {
      store.put(keyOf(`/dht/provider/k/${count}`), Uint8Array.of(1));
      if (count % 2 === 0) store.put(keyOf(`/peers/${count}`), Uint8Array.of(1));
    }
    store.put(keyOf('/dht/provider/k2/1'), Uint8Array.of(1));
    const names = await namesIn(store, '/dht/provider/k');
    assert.equal(names.length, maxFolderEntries / 2);
    assert.equal(names.at(-1), '/dht/provider/k/198');
    assert.equal((await namesIn(store, '/peers/')).length, 100);
    assert.deepEqual(await namesIn(store, '/dht/provider/k2'), []);
  });

  test('keeps a copy of what it is given', () => {
    const store = new BoundedStore();
    const value = Uint8Array.of(1, 2, 3);
    store.put(keyOf('/a'), value);
    value.fill(9);
    assert.deepEqual(store.get(keyOf('/a')), Uint8Array.of(1, 2, 3));
  });
});

suite('addresses that strangers tell', () => {
  const id = '12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb';
  const relay = `/dns4/relay.example.org/tcp/443/wss/p2p/${id}`;

  test('lead from a public DHT into the public internet alone', () => {
    const told = new ToldMultiaddrs('public', [relay]);
    for (const text of ['/ip4/9.9.9.9/tcp/1', `/ip6/2001:4860::1/tcp/1/p2p/${id}/p2p-circuit/p2p/${id}`])
      assert.ok(told.mayDial(text), text);
    const refused = [
      '/ip4/10.0.0.1/tcp/1',
      '/ip4/127.0.0.1/tcp/22',
      '/ip4/192.168.1.1/tcp/80/ws',
      '/ip6/::ffff:127.0.0.1/tcp/1',
      '/ip6/fe80::1/tcp/1',
      '/dns4/intranet.example.org/tcp/80',
      '/dns4/relay.example.org/tcp/22',
      '/unix/tmp/socket',
      `/p2p/${id}`,
      'nonsense',
    ];
    for (const text of refused) assert.ok(!told.mayDial(text), text);
  });

  test('may go through the relays that the user named', () => {
    const told = new ToldMultiaddrs('public', [relay]);
    assert.ok(told.mayDial(`${relay}/p2p-circuit/p2p/${id}`));
    assert.ok(told.mayDial(relay.slice(0, relay.indexOf('/p2p/'))));
    assert.ok(!told.mayDial(`/dns4/relay.example.org/tcp/44300/p2p/${id}`));
  });

  test('lead to this machine only where the DHT is on this machine', () => {
    assert.ok(!new ToldMultiaddrs('private', []).mayDial('/ip4/127.0.0.1/tcp/1'));
    assert.ok(new ToldMultiaddrs('private', []).mayDial('/ip4/10.0.0.1/tcp/1'));
    assert.ok(new ToldMultiaddrs('loopback', []).mayDial('/ip4/127.0.0.1/tcp/1'));
  });
});

suite('libp2pDht() and libp2pMdns()', () => {
  test('refuse wrong options, and transports that are none of libp2p()', () => {
    const transport = libp2p(internet());
    assert.throws(() => libp2pDht(memory() as never), /takes a transport that libp2p\(\) made/);
    assert.throws(() => libp2pMdns(memory() as never), /takes a transport that libp2p\(\) made/);
    for (const options of [{ mode: 'both' }, { scope: 1 }, { seeksNetwork: 'no' }, { bootstraps: [] }])
      assert.throws(() => libp2pDht(transport, options as never), TypeError);
    assert.throws(() => libp2pDht(transport, { bootstrap: ['/ip4/192.0.2.1/tcp/1'] }), /with their ids/);
    assert.throws(() => libp2pDht(transport, { bootstrap: ['/x'] }), withCode('ERR_ADDRESS_INVALID'));
    assert.throws(() => libp2pMdns(transport, { service: 'x' }), /libp2pMdns.service/);
    assert.throws(() => libp2pMdns(transport, { intervalMs: 1 }), RangeError);
  });

  test('belong to the node of their transport', async () => {
    const used = libp2p(lan());
    new Node('127.0.0.1', 0, { transports: [used] });
    assert.throws(() => libp2pDht(used), /make the discovery before the node/);
    const other = libp2p(lan());
    const node = new Node('127.0.0.1', 0, { discovery: [libp2pDht(other)] });
    await assert.rejects(node.start(), /not among the transports of the node/);
    await node.stop();
  });
});
