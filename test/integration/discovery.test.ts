import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parseAddress } from '../../src/base/address.ts';
import {
  bootstrap,
  type Discovery,
  type DiscoveryHost,
  type FoundNode,
  Identity,
  type KnownNode,
  PeerloomError,
  peerStore,
  type Transport,
  tcp,
} from '../../src/index.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

/** A transport that says it listens elsewhere. */
function withAddresses(inner: Transport, texts: readonly string[]): Transport {
  return {
    schemes: inner.schemes,
    attach: (context) => inner.attach(context),
    close: () => inner.close(),
    dial: (...dial) => inner.dial(...dial),
    async listen(...listen) {
      await inner.listen(...listen);
      return texts.map((text) => parseAddress(text));
    },
  };
}

/** Finds what a test tells it, and remembers what it is told. */
class Told implements Discovery {
  readonly name = 'told';
  readonly story: string[] = [];
  host: DiscoveryHost | undefined;
  readonly #nodes: readonly FoundNode[];

  constructor(nodes: readonly FoundNode[] = []) {
    this.#nodes = nodes;
  }

  start(host: DiscoveryHost): void {
    this.story.push('start');
    this.host = host;
    for (const node of this.#nodes) host.found(node);
  }

  stop(): void {
    this.story.push('stop');
  }

  connected({ id, isConnected }: KnownNode): void {
    this.story.push(`connected ${id} ${isConnected}`);
  }

  disconnected({ id, isConnected }: KnownNode): void {
    this.story.push(`disconnected ${id} ${isConnected}`);
  }
}

suite('bootstrap', () => {
  test('connects with a node whose address is known, and with itself never', async (t) => {
    const [seed] = await startNodes(t, 1);
    const [node] = await startNodes(t, 1, {
      options: { discovery: [bootstrap([`127.0.0.1:${seed.port}`])] },
    });
    const { peer } = await node.event('outbound_node_connected');
    assert.equal(peer!.id, seed.id);
    await until(() => node.knownNodes[0]!.isProven, 'the dial is over');
    const [known] = node.knownNodes;
    assert.equal(node.knownNodes.length, 1);
    assert.deepEqual(
      { ...known, lastConnectedAt: 0 },
      {
        id: seed.id,
        addresses: [`tls://127.0.0.1:${seed.port}`],
        source: 'bootstrap',
        isConnected: true,
        isProven: true,
        lastConnectedAt: 0,
      },
    );
    assert.ok(Math.abs(Date.now() - known!.lastConnectedAt!) < 60_000);
  });

  test('keeps trying until the node is there, and reports no errors of connections', async (t) => {
    const [seed] = await startNodes(t, 1);
    const { port } = seed;
    await seed.stop();
    const reconnect = { minDelayMs: 20, maxDelayMs: 50 };
    const [node] = await startNodes(t, 1, {
      options: { reconnect, discovery: [bootstrap([`127.0.0.1:${port}`])] },
    });
    const late = makeNode(t, { port });
    await late.start();
    const { peer } = await node.event('outbound_node_connected');
    assert.equal(peer!.id, late.id);
    assert.deepEqual(node.of('connection_error'), []);
  });

  test('refuses what is no list of addresses', () => {
    assert.throws(() => bootstrap('seed:1' as never), /bootstrap needs a list such as .*, not 'seed:1'/);
    assert.throws(() => bootstrap([]), /bootstrap needs 1 to 64 addresses, not 0/);
    assert.throws(() => bootstrap(Array(65).fill('a:1')), RangeError);
    assert.throws(() => bootstrap(['seed']), { code: 'ERR_ADDRESS_INVALID' });
  });

  test('an address that no transport dials keeps the node from starting', async (t) => {
    const node = makeNode(t, { options: { discovery: [bootstrap(['ws://seed:1'])] } });
    await assert.rejects(node.start(), {
      code: 'ERR_ADDRESS_INVALID',
      message: /no transport of this node dials ws:/,
    });
  });
});

suite('peerStore', () => {
  const discoveryOf = (path: string, seedPort: number) => [
    bootstrap([`127.0.0.1:${seedPort}`]),
    peerStore({ path }),
  ];

  test('leads a node that restarts to its network, although the bootstrap node is gone', async (t) => {
    const path = join(mkdtempSync(join(tmpdir(), 'discovery-')), 'peers.db');
    const [seed, other] = await startNodes(t, 2);
    const [node] = await startNodes(t, 1, { options: { discovery: discoveryOf(path, seed.port) } });
    await node.connectWithNode(other.host, other.port);
    await node.waitForNodes(2);
    await node.stop();
    await seed.stop();
    const [again] = await startNodes(t, 1, { options: { discovery: discoveryOf(path, seed.port) } });
    const [peer] = await again.waitForNodes([other.id]);
    assert.equal(peer!.direction, 'outbound');
    assert.deepEqual(
      new Set(again.knownNodes.map(({ id, source }) => `${id} ${source}`)),
      new Set([`${other.id} peerStore`, `${seed.id} bootstrap`]),
    );
  });

  test('keeps a node from starting whose file is something else, and the node may start later', async (t) => {
    const path = join(mkdtempSync(join(tmpdir(), 'discovery-')), 'peers.db');
    writeFileSync(path, 'something else'.repeat(100));
    const node = makeNode(t, { options: { discovery: [peerStore({ path })] } });
    await assert.rejects(node.start(), {
      code: 'ERR_PEER_STORE',
      message: /it is damaged or not an SQLite file/,
    });
    rmSync(path);
    await node.start();
  });
});

suite('a discovery of your own', () => {
  test('starts when the node listens, learns of connections, and stops with the node', async (t) => {
    const told = new Told();
    const [a, b] = await startNodes(t, 2, {
      options: (index) => (index === 0 ? { network: 'n', discovery: [told] } : { network: 'n' }),
    });
    assert.equal(told.host!.id, a.id);
    assert.equal(told.host!.network, 'n');
    assert.deepEqual(told.host!.addresses, a.addresses);
    const connection = await a.connectWithNode(b.host, b.port);
    await connection.stop();
    await a.event('outbound_node_disconnected');
    await a.stop();
    const { id } = b;
    assert.deepEqual(told.story, ['start', `connected ${id} true`, `disconnected ${id} false`, 'stop']);
    assert.equal(told.host!.found({ address: 'late:1' }), false);
  });

  test('learns no addresses that a peer only says it has', async (t) => {
    const addresses: (readonly string[])[] = [];
    const noting: Discovery = {
      name: 'noting',
      start() {},
      stop() {},
      connected: (node) => addresses.push(node.addresses),
    };
    const [a] = await startNodes(t, 1, { options: { discovery: [noting] } });
    const honest = makeNode(t);
    const transports = [withAddresses(tcp(), ['tls://192.0.2.66:443', 'tls://127.0.0.1:9'])];
    const liar = makeNode(t, { options: { transports } });
    for (const node of [honest, liar]) {
      await node.start();
      await node.connectWithNode(a.host, a.port);
      await a.waitForNodes([node.id]);
      await until(() => addresses.length > 0, 'the discovery learns of it');
      await node.stop();
    }
    await until(() => addresses.length === 2, 'both were there');
    assert.deepEqual(addresses, [[`tls://127.0.0.1:${honest.port}`], ['tls://127.0.0.1:9']]);
  });

  test('has its nodes reported once and dialled, and no other node accepted in their place', async (t) => {
    const [b, c] = await startNodes(t, 2);
    const told = new Told();
    const [a] = await startNodes(t, 1, { options: { discovery: [told] } });
    const wrong = { address: `127.0.0.1:${c.port}`, id: b.id };
    assert.equal(told.host!.found(wrong), true);
    const { data } = await a.event('node_discovered');
    assert.deepEqual(data, {
      id: b.id,
      addresses: [`tls://127.0.0.1:${c.port}`],
      source: 'told',
      isConnected: false,
      isProven: false,
      lastConnectedAt: undefined,
    });
    told.host!.found(wrong);
    told.host!.found({ address: `127.0.0.1:${b.port}`, id: b.id });
    const { peer } = await a.event('outbound_node_connected');
    assert.equal(peer!.id, b.id);
    assert.equal(a.of('node_discovered').length, 1);
    assert.equal(c.of('inbound_node_connected').length, 0);
  });

  test('is asked for an id last: connectWithNode dials eight addresses that a discovery finds, and no more', async (t) => {
    const [wanted] = await startNodes(t, 1);
    const asked: string[] = [];
    const dead = Array.from({ length: 8 }, (_, index) => `127.0.0.1:${index + 1}`);
    let found: readonly string[] = ['nonsense', ...dead.slice(2), `127.0.0.1:${wanted.port}`];
    const finding: Discovery = {
      name: 'finding',
      start() {},
      stop() {},
      async find(id) {
        asked.push(id);
        if (id !== wanted.id) throw new Error('out of order');
        return found;
      },
    };
    const [a] = await startNodes(t, 1, { options: { discovery: [new Told(), finding] } });
    assert.equal((await a.connectWithNode(wanted.id)).id, wanted.id);
    await a.connectWithNode(wanted.id);
    assert.deepEqual(asked, [wanted.id], 'nobody is asked for a node that is known');
    const { id } = Identity.generate();
    await assert.rejects(a.connectWithNode(id), { code: 'ERR_NODE_UNKNOWN' });
    const { error } = (await a.event('node_error')).data as { readonly error: Error };
    assert.match(error.message, /^the discovery finding failed: out of order$/);
    found = [...dead, `127.0.0.1:${wanted.port}`];
    const [b] = await startNodes(t, 1, { options: { discovery: [finding] } });
    await assert.rejects(b.connectWithNode(wanted.id), { code: 'ERR_CONNECTION_REFUSED' });
  });

  test('has what strangers say dialled once', async (t) => {
    const told = new Told();
    const [a] = await startNodes(t, 1, { options: { discovery: [told] } });
    const { id } = Identity.generate();
    told.host!.found({ address: '127.0.0.1:1', id, isTold: true });
    assert.equal(a.knownNodes.length, 1);
    await until(() => a.knownNodes.length === 0, 'it was dialled in vain, and is forgotten');
    told.host!.found({ address: '127.0.0.1:1', id });
    await until(async () => a.explain(id).state === 'failed', 'it was dialled in vain');
    assert.equal(a.knownNodes.length, 1);
  });

  test('is told what it reports wrongly, and what is not taken', async (t) => {
    const told = new Told();
    const [a] = await startNodes(t, 1, { options: { discovery: [told] } });
    const { found } = told.host!;
    assert.throws(() => found({ address: 1 as never }), TypeError);
    assert.throws(() => found({ address: 'a:1', id: '12D3KooWshort' }), TypeError);
    for (const address of ['', 'a', 'ws://a:1', `${'a'.repeat(300)}:1`])
      assert.equal(found({ address }), false);
    assert.equal(found({ address: 'a:1', id: a.id }), true, 'the node itself');
    assert.deepEqual(a.knownNodes, []);
  });

  test('keeps the node from starting if it cannot start itself, and the others stop', async (t) => {
    const told = new Told();
    let fails = true;
    const failing: Discovery = {
      name: 'failing',
      start() {
        if (fails) throw new PeerloomError('ERR_UNREACHABLE', 'no lobby');
      },
      stop() {},
    };
    const node = makeNode(t, { options: { discovery: [told, failing] } });
    await assert.rejects(node.start(), { code: 'ERR_UNREACHABLE' });
    assert.deepEqual(told.story, ['start', 'stop']);
    fails = false;
    await node.start();
    assert.deepEqual(told.story, ['start', 'stop', 'start']);
  });

  test('that throws later is reported by node_error', async (t) => {
    const failing: Discovery = {
      name: 'failing',
      start() {},
      connected: () => {
        throw new Error('full');
      },
      disconnected: async () => {
        throw new Error('full, too');
      },
      stop: () => Promise.reject(new Error('stuck')),
    };
    const [a, b] = await startNodes(t, 2, {
      options: (index) => (index === 0 ? { discovery: [failing] } : {}),
    });
    const connection = await a.connectWithNode(b.host, b.port);
    await connection.stop();
    await a.event('node_error', 2);
    await a.stop();
    const messages = a.of('node_error').map(({ data }) => (data as { error: Error }).error.message);
    assert.deepEqual(messages, [
      'the discovery failing failed: full',
      'the discovery failing failed: full, too',
      'the discovery failing failed: stuck',
    ]);
  });

  test('cannot fill the memory or the events: 128 new addresses at once, 16 a second', async (t) => {
    const told = new Told();
    const [a] = await startNodes(t, 1, { options: { discovery: [told], reconnect: { minDelayMs: 60_000 } } });
    let taken = 0;
    for (let port = 1; port <= 60_000; port++) {
      if (told.host!.found({ address: `192.0.2.1:${port}` })) taken += 1;
    }
    assert.ok(taken >= 128 && taken < 300, `${taken}`);
    await a.stop();
  });

  test('is checked when the node is made', (t) => {
    const make = (discovery: unknown) => makeNode(t, { options: { discovery: discovery as never } });
    assert.throws(() => make(new Told()), /discovery must be a list such as/);
    assert.throws(() => make([{}]), /each of discovery must be a Discovery/);
    assert.throws(() => make([{ name: '', start() {}, stop() {} }]), /must have 1 to 64 characters/);
    assert.throws(() => make(Array(17).fill(new Told())), RangeError);
  });
});

test('a node knows those that it was connected with, also without any discovery', async (t) => {
  const [a, b] = await startNodes(t, 2);
  assert.equal(a.knownNodes.length, 0);
  const connection = await a.connectWithNode(b.host, b.port);
  assert.deepEqual(
    a.knownNodes.map(({ id, isConnected }) => ({ id, isConnected })),
    [{ id: b.id, isConnected: true }],
  );
  await connection.stop();
  await a.event('outbound_node_disconnected');
  const [known] = a.knownNodes;
  assert.equal(known!.isConnected, false);
  assert.deepEqual(known!.addresses, [`tls://127.0.0.1:${b.port}`]);
});
