import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Address, type Link, MemoryHub, memory, type Transport, tcp } from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';

const inUse = withCode('ERR_ADDRESS_IN_USE');

/** A transport that waits with its answer to `listen`, and then fails, until it is mended. */
function failingTransport(): Transport & { isMended: boolean; asked: Promise<void>; fail: () => void } {
  const inner = memory({ hub: new MemoryHub() });
  const asked = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  const transport = {
    schemes: inner.schemes,
    isMended: false,
    asked: asked.promise,
    fail: () => failed.reject(new Error('no listener today')),
    attach: inner.attach.bind(inner),
    dial: inner.dial.bind(inner),
    close: inner.close.bind(inner),
    listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]> {
      if (transport.isMended) return inner.listen(address, onLink);
      asked.resolve();
      return failed.promise;
    },
  };
  return transport;
}

suite('a node whose start failed', () => {
  for (const engine of engines) {
    test(`can be started once the port is free: ${engine.name}`, async (t) => {
      const [first] = await startNodes(t, 1, { engine });
      const second = makeNode(t, { engine, port: first.port }, 1);
      for (const _ of ['once', 'and again']) await assert.rejects(second.start(), inUse);
      await assert.rejects(second.connectWithNode(first.host, first.port), withCode('ERR_NOT_STARTED'));
      const { port } = first;
      await first.stop();
      await second.start();
      assert.equal(second.port, port);
      const [third] = await startNodes(t, 1, { engine });
      await (await third.connectWithNode(second.host, second.port)).deliver('hello');
    });
  }

  test('listens nowhere, though one of its transports could: neither on the port nor for anybody', async (t) => {
    const [other] = await startNodes(t, 1);
    // Both want the same port, which the first has then.
    const transports = [tcp(), tcp({ accept: ['plain'] })];
    const node = makeNode(t, { options: { transports } }, 1);
    let bound = 0;
    const { listen } = transports[0]!;
    transports[0]!.listen = async (...given) => {
      const addresses = await listen.apply(transports[0], given);
      bound = addresses[0]!.port;
      return addresses;
    };
    await assert.rejects(node.start(), inUse);
    assert.notEqual(bound, 0);
    assert.equal(node.port, 0, 'the port is the one that was asked for');
    await assert.rejects(other.connectWithNode('127.0.0.1', bound), withCode('ERR_CONNECTION_REFUSED'));
  });

  test('ends the connections that came up before it failed, and works once it starts', async (t) => {
    const failing = failingTransport();
    const node = makeNode(t, { options: { transports: [tcp(), failing] } });
    const started = node.start();
    await within(failing.asked, 'the first transport listens');
    const [early] = await startNodes(t, 1);
    const connection = await early.connectWithNode(node.host, node.port);
    await connection.deliver('you are early');
    const refused = assert.rejects(started, /no listener today/);
    failing.fail();
    await refused;
    assert.equal(node.allNodes.length, 0);
    await early.event('outbound_node_disconnected');
    assert.equal(connection.closeReason?.code, 'stopped');

    failing.isMended = true;
    await node.start();
    await (await early.connectWithNode(node.host, node.port)).deliver('on time');
  });

  test('can be stopped, also while it fails, and says nothing of it', async (t) => {
    const [first] = await startNodes(t, 1);
    const second = makeNode(t, { port: first.port }, 1);
    const refused = assert.rejects(second.start(), inUse);
    await second.stop();
    await refused;
    assert.deepEqual(second.names, []);
    await assert.rejects(second.start(), withCode('ERR_NOT_STARTED'));
  });
});
