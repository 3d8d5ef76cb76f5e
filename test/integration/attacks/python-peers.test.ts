/** What anyone can do to a node that lets Python nodes in; they need no key for it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, suite, type TestContext, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { Identity, type NodeOptions, type Runtime, systemRuntime, tcp } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import { heldBytes } from '../../support/memory.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { until } from '../../support/turns.ts';
import { attackScene } from './support/scene.ts';

const mebibyte = 1024 * 1024;
const limits = { maxMessageBytes: 100_000, unhandledMaxBytes: 200_000, handshakeTimeoutMs: 2_000 };
const sockets = new Set<Socket>();

/** Waits for a tenth of the time that it is told to. */
const hurried: Runtime = {
  ...systemRuntime,
  now: () => systemRuntime.now() * 10,
  setTimeout: (callback, delayMs) => systemRuntime.setTimeout(callback, delayMs / 10),
};

suite('attacks by p2pnetwork', () => {
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });

  test('any bytes at all leave the node as it was', async (t) => {
    const { victim, ask } = await scene(t);
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom(':', 'us:1', 'CLOSING: ', '\u0004', '\u0002\u0004', 'emxpYg==', '{"a":', '1', '\0')
        .map((text) => Buffer.from(text)),
    );
    const attack = fc.asyncProperty(
      fc.boolean(),
      fc.array(piece, { maxLength: 12 }),
      async (isIn, pieces) => {
        const socket = await dial(victim);
        if (isIn) socket.write(`us${Math.random()}:1`);
        for (const bytes of pieces) socket.write(bytes);
        socket.end();
        await closed(socket);
      },
    );
    await fc.assert(attack, { numRuns: 150 });
    await ask();
    await until(() => victim.allNodes.length === 1, 'all of them are gone');
    assert.deepEqual(victim.of('node_error'), []);
  });

  test('an id without an end is not waited for', async (t) => {
    const { victim, ask } = await scene(t);
    const endless = await dial(victim);
    endless.write('x'.repeat(10_000));
    await closed(endless);
    const silent = await dial(victim);
    silent.write('a:');
    await closed(silent);
    await ask();
    assert.equal(victim.of('inbound_node_connected').length, 1);
  });

  test('a message without an end is cut off at the limit', async (t) => {
    const { victim, ask } = await scene(t);
    const before = heldBytes();
    for (let attack = 0; attack < 10; attack++) {
      const socket = await enter(victim, `attacker ${attack}`);
      for (let sent = 0; sent < 10 && !socket.destroyed; sent++) socket.write('x'.repeat(50_000));
      await closed(socket);
    }
    await until(() => victim.allNodes.length === 1, 'all of them are gone');
    const { peer } = victim.of('inbound_node_disconnected')[0]!;
    assert.equal(peer!.closeReason?.code, 'protocol');
    assert.match(peer!.closeReason!.message, /a packet of more than/);
    assert.ok(heldBytes() - before < 2 * mebibyte);
    await ask();
  });

  test('a bomb is rejected', async (t) => {
    const { victim, ask } = await scene(t);
    const socket = await enter(victim, 'attacker');
    const bomb = Buffer.concat([deflateSync(Buffer.alloc(20 * mebibyte)), Buffer.from('zlib')]).toString(
      'base64',
    );
    const before = heldBytes();
    for (let count = 0; count < 50; count++) socket.write(`${bomb}\u0002\u0004`);
    const { data } = await victim.event('node_message_rejected', 50);
    assert.ok(withCode('ERR_DECOMPRESSION', /larger than 100000 bytes/)(data));
    assert.ok(heldBytes() - before < 2 * mebibyte);
    await ask();
  });

  test('messages that nobody handles yet are not read', async (t) => {
    const { victim, ask } = await scene(t, {
      callback: (event, _node, _peer, data) =>
        event === 'node_message' && data === 'x' ? new Promise(() => {}) : undefined,
    });
    const before = heldBytes();
    const socket = await enter(victim, 'attacker');
    const many = 'x\u0004'.repeat(500_000);
    for (let count = 0; count < 20; count++) socket.write(many);
    await ask();
    assert.ok(socket.writableLength > 0, 'it is held back');
    // What the attacker has not got rid of lies in this process too.
    assert.ok(heldBytes() - before - socket.writableLength < 4 * mebibyte);
    assert.equal(victim.of('node_message').filter(({ data }) => data === 'x').length, 1);
  });

  test('nobody takes the place of a node by saying its id', async (t) => {
    const { victim, ask, honest } = await scene(t);
    for (const id of [honest.id, victim.id, Identity.generate().id]) {
      const socket = await dial(victim);
      socket.write(`${id}:10001`);
      await closed(socket);
    }
    const first = await enter(victim, 'a Python node');
    const second = await dial(victim);
    second.write('a Python node:10001');
    await closed(second);
    first.write('still here\u0004');
    assert.equal(await victim.message(), 'still here');
    await ask();
  });

  test('nobody takes the place of a node that is about to be let in, however often it says its id', async (t) => {
    const gate = Promise.withResolvers<boolean>();
    const asked = Promise.withResolvers<void>();
    const { victim, ask } = await scene(t, {
      authorize: ({ security }) => {
        if (security.authenticated) return true;
        asked.resolve();
        return gate.promise;
      },
    });
    const first = await dial(victim);
    const answered = once(first, 'data');
    first.write('a Python node:10001');
    await asked.promise;
    for (let attack = 0; attack < 3; attack++) {
      const socket = await dial(victim);
      socket.write('a Python node:10001');
      await closed(socket);
    }
    gate.resolve(true);
    await answered;
    first.write('still here\u0004');
    assert.equal(await victim.message(), 'still here');
    assert.equal(victim.of('inbound_node_connected').length, 2);
    await ask();
  });

  test('one that reads nothing holds up nobody who stops', async (t) => {
    // In a hurry only when it stops: the honest peer must get in.
    const { victim } = await scene(t, {
      runtime: hurried,
      limits: { ...limits, handshakeTimeoutMs: 100_000 },
    });
    const socket = await enter(victim, 'attacker');
    socket.pause();
    const peer = victim.allNodes.find(({ id }) => id === 'attacker')!;
    for (let hasRoom = true; hasRoom; ) hasRoom = peer.send('x'.repeat(50_000));
    await victim.stop();
    assert.equal(peer.closeReason?.code, 'stopped');
  });

  test('a crowd of connections that say nothing is kept small', async (t) => {
    const { victim, ask } = await scene(t, { limits: { ...limits, handshakeTimeoutMs: 1_000 } });
    const crowd = await Promise.all(Array.from({ length: 200 }, () => dial(victim)));
    await Promise.all(crowd.map(closed));
    await ask();
  });
});

/** A node that lets Python nodes in, and an honest peer of it whose question is answered. */
async function scene(t: TestContext, options: NodeOptions = {}) {
  const [victim] = await startNodes(t, 1, {
    options: { limits, transports: [tcp({ accept: ['tls', 'p2pnetwork'] })], ...options },
  });
  const [honest] = await startNodes(t, 1);
  victim.on('node_request', (_peer, data) => data);
  const peer = await honest.connectWithNode(victim.host, victim.port);
  await victim.event('inbound_node_connected');
  const ask = async (): Promise<void> => assert.equal(await peer.request('there?'), 'there?');
  return { victim, honest, ask };
}

async function dial({ port }: RecordingNode): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  sockets.add(socket);
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  return socket;
}

/** Dials and is let in, like a Python node. */
async function enter(victim: RecordingNode, id: string): Promise<Socket> {
  const socket = await dial(victim);
  const answered = once(socket, 'data');
  socket.write(`${id}:10001`);
  await answered;
  await until(() => victim.allNodes.some((peer) => peer.id === id), `${id} is in`);
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

suite('JSON of 2 MiB that a Python node sends, and that is read by hand', () => {
  const scene = attackScene({ p2pnetwork: true });
  const list = (item: string): string => `["\\n",${`${item},`.repeat((2 * mebibyte) / (item.length + 1))}0]`;
  const texts = {
    'short numbers': list('0.5'),
    'names of numbers': list('NaN'),
    'strings with escapes': list('"\\n"'),
  };

  for (const [name, text] of Object.entries(texts)) {
    test(`${name} are read in turns with everything else`, async () => {
      const { victim, port } = scene;
      const { handled } = await victim.call('stats');
      const socket = connect(port, '127.0.0.1');
      sockets.add(socket.on('error', () => {}));
      socket.write(`${name}:1`);
      await once(socket, 'data');
      await victim.call('longestTurnMs');
      socket.write(`${text}\u0004"next"\u0004`);
      await victim.until((stats) => stats.handled >= handled + 2, 'stats');
      const longestMs = await victim.call('longestTurnMs');
      assert.equal((await victim.call('lastMessage')).json, '"next"');
      assert.ok(longestMs < 60, `the event loop stood still for ${longestMs} ms`);
      socket.destroy();
    });
  }
});
