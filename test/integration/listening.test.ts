import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Address, MemoryHub, memory, type Transport, tcp } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { connect, makeNode, startNodes } from '../support/start-nodes.ts';

suite('the addresses that a node listens on', () => {
  test('are told to its peers, with the host that they see in place of one that stands for all', async (t) => {
    const node = makeNode(t, { engine: { name: 'all', host: '0.0.0.0', transport: () => tcp() } });
    assert.deepEqual(node.addresses, []);
    await node.start();
    assert.deepEqual(node.addresses, [`tls://0.0.0.0:${node.port}`]);
    const [other] = await startNodes(t, 1);
    const connection = await other.connectWithNode('127.0.0.1', node.port);
    assert.deepEqual(connection.addresses, [`tls://127.0.0.1:${node.port}`]);
    await node.event('inbound_node_connected');
    assert.deepEqual(node.peer(other).addresses, [`tls://127.0.0.1:${other.port}`]);
  });

  test('may be several, of one transport and of others', async (t) => {
    const hub = new MemoryHub();
    const transports = [tcp({ listen: ['127.0.0.1:0', '[::1]:0'] }), memory({ hub })];
    const [node] = await startNodes(t, 1, { options: { transports } });
    const [first, second, third] = node.addresses;
    assert.match(first!, /^tls:\/\/127\.0\.0\.1:\d+$/);
    assert.match(second!, /^tls:\/\/\[::1\]:\d+$/);
    assert.equal(third, `memory://127.0.0.1:${node.port}`);
    assert.equal(first, `tls://127.0.0.1:${node.port}`);
    for (const address of node.addresses) {
      const [other] = await startNodes(t, 1, { options: { transports: [tcp(), memory({ hub })] } });
      await (await other.connectWithNode(address)).deliver('hello');
    }
  });

  test('may be none: such a node dials, and nobody can dial it', async (t) => {
    const [silent] = await startNodes(t, 1, { options: { transports: [tcp({ listen: [] })] } });
    const [other] = await startNodes(t, 1);
    assert.deepEqual([silent.addresses, silent.port], [[], 0]);
    await connect(silent, other);
    assert.deepEqual(other.peer(silent).addresses, []);
    assert.equal(other.peer(silent).port, 0);
  });

  test('are all given up when one of them is taken', async (t) => {
    const [taken] = await startNodes(t, 1);
    const listen = ['127.0.0.1:0', `127.0.0.1:${taken.port}`];
    const node = makeNode(t, { options: { transports: [tcp({ listen })] } });
    await assert.rejects(node.start(), withCode('ERR_ADDRESS_IN_USE'));
    assert.deepEqual([node.addresses, node.port], [[], 0]);
  });

  test('are wrong where they are no list of host and port', () => {
    for (const listen of ['127.0.0.1:1', 5, [5]]) {
      assert.throws(() => tcp({ listen } as never), TypeError);
    }
    for (const listen of [['127.0.0.1'], ['127.0.0.1:70000'], ['/ip4/127.0.0.1']]) {
      assert.throws(() => tcp({ listen }), withCode('ERR_ADDRESS_INVALID'));
    }
  });
});

suite('an address of a form of its own', () => {
  /** Memory links whose addresses are words. */
  function wordy(hub: MemoryHub): Transport {
    const inner = memory({ hub });
    const named = (word: string): Address => ({ scheme: 'word', host: word, port: 0, text: `word/${word}` });
    return {
      schemes: ['word'],
      parse: (text) => (text.startsWith('word/') ? named(text.slice('word/'.length)) : undefined),
      attach: (context) => inner.attach(context),
      listen: async ({ host }, onLink) => {
        await inner.listen({ scheme: undefined, host, port: 1 }, onLink);
        return [named(host)];
      },
      dial: ({ host }, signal) => inner.dial({ scheme: undefined, host, port: 1 }, signal),
      close: () => inner.close(),
    };
  }

  test('is read by its transport, and shown as it was written', async (t) => {
    const hub = new MemoryHub();
    const hosts = ['anna', 'ben'];
    const [anna, ben] = await Promise.all(
      hosts.map((host) => {
        const engine = { name: 'words', host, transport: () => wordy(hub) };
        return startNodes(t, 1, { engine }).then(([node]) => node);
      }),
    );
    assert.deepEqual(ben!.addresses, ['word/ben']);
    const connection = await anna!.connectWithNode('word/ben');
    assert.deepEqual(connection.addresses, ['word/ben']);
    await connection.deliver('hello');
    const nobody = anna!.connectWithNode('word/carl');
    await assert.rejects(nobody, withCode('ERR_CONNECTION_REFUSED'));
  });
});
