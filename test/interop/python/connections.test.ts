/** How connections with nodes of the Python package begin and end. */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { Identity, type NodeEventName, type NodeOptions, type PeerDetails } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { until, within } from '../../support/turns.ts';
import { dialPython, directions, startOurs, withMixedPair } from './nodes.ts';
import { becomesTrue, dial } from './pair.ts';
import { PythonNode } from './python-node.ts';
import { RawPeer } from './raw-peer.ts';

/** Its events without those of messages, and of other nodes. */
const eventsOf = (python: PythonNode) => python.events.map(({ event }) => event);

const python = { protocol: 'p2pnetwork', encrypted: false, authenticated: false };

suite('connections with Python nodes', () => {
  for (const direction of directions) {
    const [here, there] =
      direction === 'we dial' ? (['outbound', 'inbound'] as const) : (['inbound', 'outbound'] as const);

    withMixedPair('say what they are', direction, async ({ ours, python: node, peer }) => {
      assert.deepEqual(peer.security, python);
      assert.equal(peer.id, node.id);
      assert.equal(peer.direction, here);
      assert.equal(peer.port, node.port);
      assert.deepEqual((await node.state())[there], [ours.id]);
    });

    withMixedPair(
      'end from our side, after a last message',
      direction,
      async ({ ours, python: node, peer }) => {
        ours.on('node_disconnect_with_outbound_node', (leaving) => void leaving.send('leaving'));
        peer.send('x'.repeat(300_000));
        peer.send('last');
        await ours.disconnectWithNode(peer);
        const names: NodeEventName[] = [`${here}_node_connected`, `${here}_node_disconnected`];
        if (direction === 'we dial') names.splice(1, 0, 'node_disconnect_with_outbound_node');
        assert.deepEqual(ours.names, names);
        assert.deepEqual(
          { ...peer.closeReason },
          { code: 'disconnected', message: 'the node closed the connection', by: 'us' },
        );
        await node.until(`${there}_node_disconnected`);
        const messages = direction === 'we dial' ? 3 : 2;
        assert.deepEqual(eventsOf(node), [
          `${there}_node_connected`,
          ...Array.from({ length: messages }, () => 'node_message'),
          `${there}_node_disconnected`,
        ]);
        assert.deepEqual((await node.state())[there], []);
      },
    );

    withMixedPair('end from their side', direction, async ({ ours, python: node, peer }) => {
      if (direction === 'they dial') await node.disconnect(ours.id);
      else await node.hangUp(ours.id);
      peer.send('hurry up');
      const ended = await ours.event(`${here}_node_disconnected`);
      assert.equal(ended.peer, peer);
      assert.equal(peer.closeReason?.by, 'them');
      await node.until(`${there}_node_disconnected`);
      assert.throws(() => peer.send('too late'), withCode('ERR_CONNECTION_CLOSED'));
      const expected = [`${there}_node_connected`, 'node_message', `${there}_node_disconnected`];
      if (direction === 'they dial') expected.splice(1, 0, 'node_disconnect_with_outbound_node');
      assert.deepEqual(eventsOf(node), expected);
    });

    withMixedPair(
      'end when the Python process is killed',
      direction,
      async ({ ours, python: node, peer }) => {
        await node.kill();
        await ours.event(`${here}_node_disconnected`);
        assert.equal(peer.isOpen, false);
        assert.deepEqual(ours.names, [`${here}_node_connected`, `${here}_node_disconnected`]);
      },
    );

    withMixedPair('end when our node stops', direction, async ({ ours, python: node, peer }) => {
      peer.send('bye');
      await ours.stop();
      await node.until(`${there}_node_disconnected`);
      assert.equal(node.of('node_message').length, 1);
      const leaving = direction === 'we dial' ? ['node_disconnect_with_outbound_node' as const] : [];
      const names = [
        `${here}_node_connected`,
        'node_request_to_stop',
        ...leaving,
        `${here}_node_disconnected`,
      ];
      assert.deepEqual(ours.names, names);
    });
  }

  test('come back when the Python process does, with another id', async (t) => {
    const first = await PythonNode.start(t);
    if (first === undefined) return;
    const ours = await startOurs(t, { reconnect: { minDelayMs: 10, maxDelayMs: 100 } });
    await ours.connectWithNode(`p2pnetwork://127.0.0.1:${first.port}`, { reconnect: true });
    await first.kill();
    await ours.event('outbound_node_disconnected');
    const second = (await PythonNode.start(t, { port: first.port }))!;
    await ours.event('outbound_node_connected', 2);
    assert.notEqual(second.id, first.id);
    ours.peer(second).send('welcome back');
    await second.until('node_message');
    await second.send({ text: 'thank you' });
    assert.equal(await ours.message(), 'thank you');
  });

  test('come back by the Python node when ours does', async (t) => {
    const python = await PythonNode.start(t);
    if (python === undefined) return;
    const first = await startOurs(t);
    assert.equal(await python.connect(first.port, { reconnect: true }), true);
    // It looks at its connections after each node that has dialled it, or every ten seconds.
    await dial(t, python, 'first look');
    await lookedAt(t, python);
    await first.stop();
    await python.until('outbound_node_disconnected');
    const options = { reconnect: {}, name: 'second' };
    const second = await startOurs(t, options, first.port);
    await dial(t, python, 'second look');
    await python.until('outbound_node_connected', 2);
    await second.event('inbound_node_connected');
    assert.deepEqual(python.of('exception'), []);
  });

  test('an id that is known is told from a message right behind it', async (t) => {
    const { port, next } = await RawPeer.listenOn(t);
    const ours = await startOurs(t, { reconnect: { minDelayMs: 1, maxDelayMs: 1 } });
    const connecting = ours.connectWithNode(`p2pnetwork://127.0.0.1:${port}`, { reconnect: true });
    const first = await next();
    first.write('its own id');
    assert.equal((await connecting).id, 'its own id');
    first.socket.resetAndDestroy();
    const second = await next();
    second.write('its own idhello\u0004');
    assert.equal(await ours.message(), 'hello');
    assert.equal(ours.of('outbound_node_connected')[1]!.peer!.id, 'its own id');
  });
});

suite('Python nodes that are not let in', () => {
  const peerId = Identity.generate().id;
  const cases: readonly {
    what: string;
    options?: (python: PythonNode) => NodeOptions;
    id?: string;
    log: RegExp;
  }[] = [
    {
      what: 'by a node that accepts TLS alone',
      options: () => ({ transports: undefined as never }),
      log: /refused, it speaks no TLS \(plain peerloom or a p2pnetwork node, maybe\)/,
    },
    {
      what: 'with the id of a peerloom node',
      id: peerId,
      log: /refused, it claims the id of a peerloom node/,
    },
    { what: 'with an id that is allowed', options: ({ id }) => ({ allow: [id] }), log: /does not admit/ },
    { what: 'with an id that is denied', options: ({ id }) => ({ deny: [id] }), log: /does not admit/ },
    { what: 'by authorize', options: () => ({ authorize: () => false }), log: /does not admit/ },
  ];
  for (const { what, options, id, log } of cases) {
    test(what, async (t) => {
      const python = await PythonNode.start(t, id === undefined ? {} : { id });
      if (python === undefined) return;
      const ours = await startStrict(t, options?.(python) ?? {});
      const { mock } = t.mock.method(console, 'error', () => {});
      ours.debug = true;
      assert.equal(await python.connect(ours.port), false);
      ours.debug = false;
      assert.match(mock.calls.map(({ arguments: [line] }) => line).join('\n'), log);
      assert.deepEqual(ours.names, ['connection_error']);
      const { error, direction } = ours.events[0]!.data as { error: Error; direction: string };
      assert.match(`refused, ${error.message}`, log);
      assert.equal(direction, 'inbound');
      assert.deepEqual(python.events, []);
    });
  }

  test('beyond maxConnections', async (t) => {
    const python = await PythonNode.start(t);
    if (python === undefined) return;
    const ours = await startOurs(t, { maxConnections: 1 });
    assert.equal(await python.connect(ours.port), true);
    const second = (await PythonNode.start(t))!;
    assert.equal(await second.connect(ours.port), false);
    assert.deepEqual(second.events, []);
  });

  test('are told apart by authorize', async (t) => {
    const python = await PythonNode.start(t, { id: 'of its own' });
    if (python === undefined) return;
    const asked: PeerDetails[] = [];
    const ours = await startOurs(t, { authorize: (details) => asked.push(details) > 0 });
    assert.equal(await python.connect(ours.port), true);
    const { id, port, security, direction } = asked[0]!;
    assert.deepEqual(
      { id, port, security, direction },
      {
        id: 'of its own',
        port: python.port,
        security: { protocol: 'p2pnetwork', encrypted: false, authenticated: false },
        direction: 'inbound',
      },
    );
  });

  test('when we dial them', async (t) => {
    const claiming = await PythonNode.start(t, { id: peerId });
    if (claiming === undefined) return;
    const welcome = (await PythonNode.start(t))!;
    const ours = await startOurs(t, { allow: [welcome.id, peerId] });
    await assert.rejects(dialPython(ours, claiming), withCode('ERR_HANDSHAKE', /claims the id/));
    await assert.rejects(dialPython(ours, welcome), withCode('ERR_NOT_ALLOWED'));
    for (const python of [claiming, welcome]) await python.until('inbound_node_disconnected');
  });
});

suite('second connections with a Python node', () => {
  test('that it makes are refused', async (t) => {
    const python = await PythonNode.start(t);
    if (python === undefined) return;
    const ours = await startOurs(t);
    assert.equal(await python.connect(ours.port), true);
    assert.equal(await python.connect(ours.port, { host: 'localhost' }), false);
    await python.send({ text: 'once' });
    assert.equal(await ours.message(), 'once');
    assert.deepEqual(ours.names, ['inbound_node_connected', 'node_message']);
    assert.deepEqual((await python.state()).outbound, [ours.id]);
  });

  test('that we make lead to the first', async (t) => {
    const python = await PythonNode.start(t);
    if (python === undefined) return;
    const ours = await startOurs(t);
    assert.equal(await python.connect(ours.port), true);
    await ours.event('inbound_node_connected');
    assert.equal(await dialPython(ours, python), ours.peer(python));
    await python.until('inbound_node_disconnected');
    const { inbound, outbound } = await python.state();
    assert.deepEqual({ inbound, outbound }, { inbound: [], outbound: [ours.id] });
    assert.equal(ours.allNodes.length, 1);
  });

  for (const [whose, options] of [
    ['made', {}],
    ['chosen', { id: 'its own' }],
  ] as const) {
    test(`that both make at once leave one, with an id that is ${whose}`, async (t) => {
      const python = await PythonNode.start(t, options);
      if (python === undefined) return;
      const ours = await startOurs(t);
      await Promise.all([dialPython(ours, python), python.connect(ours.port)]);
      await until(() => ours.allNodes.length === 1, 'one is left here');
      const isOneLeft = async () => {
        const { inbound, outbound } = await python.state();
        return inbound.length + outbound.length === 1;
      };
      await within(becomesTrue(isOneLeft), 'one is left there');
      ours.peer(python).send('hello');
      await python.until('node_message');
      await python.send({ text: 'hello' });
      assert.equal(await ours.message(), 'hello');
    });
  }

  test('a node of ours is not dialled as a Python node', async (t) => {
    const [ours, other] = [await startOurs(t), await startOurs(t)];
    const dialling = ours.connectWithNode(`p2pnetwork://127.0.0.1:${other.port}`);
    await assert.rejects(dialling, withCode('ERR_CONNECTION_CLOSED'));
    const itself = ours.connectWithNode(`p2pnetwork://127.0.0.1:${ours.port}`);
    await assert.rejects(itself, withCode('ERR_CONNECTION_CLOSED'));
    assert.equal((await ours.connectWithNode('127.0.0.1', other.port)).security.protocol, 'tls');
  });
});

/** With the options of a default node where they leave the transports open. */
async function startStrict(t: TestContext, options: NodeOptions): Promise<RecordingNode> {
  if (!('transports' in options)) return startOurs(t, options);
  const [node] = await startNodes(t, 1);
  return node;
}

/** Resolves when the node's own thread has been through its loop once more. */
async function lookedAt(t: TestContext, python: PythonNode): Promise<void> {
  await dial(t, python, 'another look');
}
