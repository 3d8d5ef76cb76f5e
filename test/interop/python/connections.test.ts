/** How connections with nodes of the Python package begin and end. */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { Identity, type NodeEventName, type NodeOptions, type PeerDetails, tcp } from '../../../src/index.ts';
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

  for (const id of ['an old node', '0123456789abcdef'.repeat(8)]) {
    test(`begin with an id alone, as versions before 1.2 send it (${id.slice(0, 11)})`, async (t) => {
      const ours = await startOurs(t);
      const raw = await RawPeer.dial(t, ours.port, id);
      assert.equal((await raw.take(ours.id.length)).toString(), ours.id);
      const { peer } = await ours.event('inbound_node_connected');
      assert.equal(peer!.id, id);
      assert.equal(peer!.port, 0);
      raw.write('{"a":1}\u0004');
      assert.deepEqual(await ours.message(), { a: 1 });
      peer!.send('hello');
      assert.equal((await raw.takeUntil(4)).toString(), 'hello');
      raw.socket.resetAndDestroy();
      await ours.event('inbound_node_disconnected');
      assert.deepEqual(ours.of('connection_error'), []);
    });
  }

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
    log: RegExp;
  }[] = [
    {
      what: 'by a node that accepts TLS alone',
      options: () => ({ transports: undefined as never }),
      log: /refused, it does not speak TLS \(perhaps it is a plain peerloom node or a p2pnetwork node\)/,
    },
    { what: 'by a list of those who are', options: () => ({ allow: [peerId] }), log: /does not admit/ },
    { what: 'with an id that is denied', options: ({ id }) => ({ deny: [id] }), log: /does not admit/ },
    { what: 'by authorize', options: () => ({ authorize: () => false }), log: /does not admit/ },
  ];
  for (const { what, options, log } of cases) {
    test(what, async (t) => {
      const python = await PythonNode.start(t);
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

  test('with the id of a peerloom node', async (t) => {
    const python = await PythonNode.start(t, { id: peerId });
    if (python === undefined) return;
    const ours = await startOurs(t);
    // A peerloom node that gives its id must learn who answers; a Python node takes that for a welcome, until the reset.
    assert.equal(await python.connect(ours.port), true);
    await python.until('outbound_node_disconnected');
    assert.deepEqual(ours.names, ['connection_error']);
    const { error } = ours.events[0]!.data as { error: Error };
    assert.ok(withCode('ERR_HANDSHAKE', /claims the id of a peerloom node/)(error));
    await python.send({ text: 'nobody hears this' });
  });

  for (const id of [`${peerId}\u200b`, 'boss\u3164', '\u202egnp.exe', '\uff11\uff12D3KooWboss']) {
    test(`with an id that looks like another (${JSON.stringify(id.slice(-6))})`, async (t) => {
      const python = await PythonNode.start(t, { id });
      if (python === undefined) return;
      const ours = await startOurs(t);
      assert.equal(await python.connect(ours.port), false);
      await assert.rejects(
        dialPython(ours, python),
        withCode('ERR_HANDSHAKE', /its id contains|claims the id/),
      );
      assert.deepEqual(ours.names, ['connection_error', 'connection_error']);
      assert.equal(ours.allNodes.length, 0);
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
    const ours = await startOurs(t, { allow: [peerId] });
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
});

suite('two Python nodes that chose the same id', () => {
  async function startTwo(t: TestContext): Promise<[PythonNode, PythonNode] | undefined> {
    const first = await PythonNode.start(t, { id: 'my-host' });
    return first && [first, (await PythonNode.start(t, { id: 'my-host' }))!];
  }

  test('are not taken for each other by who dials them', async (t) => {
    const both = await startTwo(t);
    if (both === undefined) return;
    const [first, second] = both;
    const ours = await startOurs(t);
    const peer = await dialPython(ours, first);
    const reason = new RegExp(`'my-host', which the node at 127.0.0.1:${first.port} uses`);
    await assert.rejects(dialPython(ours, second), withCode('ERR_ID_MISMATCH', reason));
    assert.equal(await dialPython(ours, first), peer);
    ours.sendToNode('my-host', 'for the first');
    await first.until('node_message');
    assert.deepEqual(second.of('node_message'), []);
    await ours.disconnectWithNode(peer);
    const other = await dialPython(ours, second);
    assert.equal(other.port, second.port);
    other.send('for the second');
    await second.until('node_message');
    assert.equal(first.of('node_message').length, 1);
  });

  test('nor when both are dialled at once', async (t) => {
    const both = await startTwo(t);
    if (both === undefined) return;
    const ours = await startOurs(t);
    const dials = await Promise.allSettled(both.map((node) => dialPython(ours, node)));
    const [index] = dials.flatMap(({ status }, at) => (status === 'fulfilled' ? [at] : []));
    assert.equal(dials.filter(({ status }) => status === 'fulfilled').length, 1);
    const { reason } = dials.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    assert.ok(withCode('ERR_ID_MISMATCH')(reason));
    const reached = both[index!]!;
    assert.equal(ours.allNodes[0]!.port, reached.port);
    ours.sendToNode('my-host', 'hello');
    await reached.until('node_message');
  });

  test('nor when they dial', async (t) => {
    const both = await startTwo(t);
    if (both === undefined) return;
    const [first, second] = both;
    const ours = await startOurs(t);
    assert.equal(await first.connect(ours.port), true);
    await ours.event('inbound_node_connected');
    assert.equal(await second.connect(ours.port), false);
    await assert.rejects(dialPython(ours, second), withCode('ERR_ID_MISMATCH'));
    assert.equal(await dialPython(ours, first), ours.peer(first));
    const failures = ours
      .of('connection_error')
      .map(({ data }) => data as { error: Error; direction: string });
    assert.deepEqual(
      failures.map(({ direction }) => direction),
      ['inbound', 'outbound'],
    );
    assert.ok(withCode('ERR_ID_MISMATCH', /an id of its own/)(failures[0]!.error));
    await first.send({ text: 'still here' });
    assert.equal(await ours.message(), 'still here');
    assert.equal(ours.allNodes.length, 1);
  });
});

suite('a p2pnetwork:// address where no Python node listens', () => {
  test('tells that a peerloom node listens there, and which scheme reaches it', async (t) => {
    const [ours, other] = [await startOurs(t), await startOurs(t)];
    const dialling = ours.connectWithNode(`p2pnetwork://127.0.0.1:${other.port}`);
    const cause =
      /p2pnetwork:\/\/127.0.0.1:\d+: it claims the id of a peerloom node.*tls:\/\/.*p2pnetwork\+tls:\/\//;
    await assert.rejects(dialling, withCode('ERR_HANDSHAKE', cause));
    const { error, direction } = (await other.event('connection_error')).data as {
      error: Error;
      direction: string;
    };
    assert.ok(withCode('ERR_HANDSHAKE', /claims the id of a peerloom node/)(error));
    assert.equal(direction, 'inbound');
    assert.equal((await ours.connectWithNode('127.0.0.1', other.port)).security.protocol, 'tls');
  });

  test('tells that a node without Python peers may listen there', async (t) => {
    const ours = await startOurs(t);
    const [other] = await startNodes(t, 1);
    const dialling = ours.connectWithNode(`p2pnetwork://127.0.0.1:${other.port}`);
    await assert.rejects(dialling, withCode('ERR_CONNECTION_CLOSED', /tls:\/\/ reaches it/));
  });

  for (const accept of [['tls', 'p2pnetwork'], ['tls']] as const) {
    test(`leads to no connection with itself (accept: ${accept})`, async (t) => {
      const [ours] = await startNodes(t, 1, { options: { transports: [tcp({ accept })] } });
      const itself = ours.connectWithNode(`p2pnetwork://127.0.0.1:${ours.port}`);
      await assert.rejects(
        itself,
        withCode(accept.length > 1 ? 'ERR_SELF_CONNECTION' : 'ERR_CONNECTION_CLOSED'),
      );
      assert.deepEqual(new Set(ours.names), new Set(['connection_error']));
    });
  }

  for (const [what, answer] of [
    ['an echo', (said: string) => said],
    ['an echo with a greeting', (said: string) => `you said: ${said}`],
    ['an echo that is slow to begin', (said: string) => said.slice(0, 10)],
  ] as const) {
    test(`leads to no connection with ${what}`, async (t) => {
      const { port, accepted } = await RawPeer.listen(t);
      const ours = await startOurs(t);
      const dialling = ours.connectWithNode(`p2pnetwork://127.0.0.1:${port}`);
      const echo = await accepted;
      const said = (await echo.take(`${ours.id}:${ours.port}`.length)).toString();
      echo.write(answer(said));
      await assert.rejects(
        dialling,
        withCode(what.includes('slow') ? 'ERR_HANDSHAKE' : 'ERR_SELF_CONNECTION'),
      );
      assert.deepEqual(ours.names, ['connection_error']);
    });
  }
});

suite('a p2pnetwork+tls:// address', () => {
  const either = (port: number): string => `p2pnetwork+tls://127.0.0.1:${port}`;

  test('leads to a Python node, and does it no harm', async (t) => {
    const python = await PythonNode.start(t);
    if (python === undefined) return;
    const ours = await startOurs(t);
    const peer = await ours.connectWithNode(either(python.port));
    assert.equal(peer.security.protocol, 'p2pnetwork');
    peer.send('hello');
    await python.until('node_message');
    assert.equal((await python.state()).listening, true);
  });

  test('leads to a peerloom node by TLS', async (t) => {
    const [ours, other] = [await startOurs(t), await startOurs(t)];
    const peer = await ours.connectWithNode(either(other.port), { id: other.id });
    assert.deepEqual([peer.id, peer.security.protocol], [other.id, 'tls']);
    await peer.deliver('hello');
    assert.equal(await ours.connectWithNode(either(other.port)), peer);
  });

  test('does not speak TLS to a node that has not shown what it is', async (t) => {
    const { port, next } = await RawPeer.listenOn(t);
    const ours = await startOurs(t);
    for (const end of ['close', 'silence', 'nonsense'] as const) {
      const dialling = ours.connectWithNode(either(port), { timeoutMs: end === 'silence' ? 300 : 10_000 });
      const raw = await next();
      await raw.take(ours.id.length);
      if (end === 'close') raw.socket.end();
      if (end === 'nonsense') raw.write('\x16\x03\x01');
      await assert.rejects(dialling);
      await raw.over();
      assert.ok(!raw.received.includes(0x16), `no TLS after ${end}`);
    }
    const waiting = next();
    const probe = await RawPeer.dial(t, port, 'nobody dialled between');
    assert.equal((await (await waiting).take(22)).toString(), 'nobody dialled between');
    probe.socket.destroy();
  });

  test('follows a node that moves from Python to peerloom, and back', async (t) => {
    const python = await PythonNode.start(t);
    if (python === undefined) return;
    const { port } = python;
    const ours = await startOurs(t, { reconnect: { minDelayMs: 10, maxDelayMs: 100 } });
    await ours.connectWithNode(either(port), { reconnect: true });
    await python.kill();
    await ours.event('outbound_node_disconnected');
    const moved = await startOurs(t, {}, port);
    await ours.event('outbound_node_connected', 2);
    assert.equal(ours.allNodes[0]!.id, moved.id);
    assert.equal(ours.allNodes[0]!.security.protocol, 'tls');
    await ours.allNodes[0]!.deliver('welcome');
    await moved.stop();
    const back = (await PythonNode.start(t, { port }))!;
    await ours.event('outbound_node_connected', 3);
    ours.peer(back).send('welcome back');
    await back.until('node_message');
    assert.equal((await back.state()).listening, true);
  });

  test('is refused where the node does not speak TLS, or holds a network key', async (t) => {
    const [old] = await startNodes(t, 1, { options: { transports: [tcp({ accept: ['p2pnetwork'] })] } });
    await assert.rejects(old.connectWithNode(either(1)), withCode('ERR_ADDRESS_INVALID', /TLS/));
    const [closed] = await startNodes(t, 1, { options: { networkKey: 'a shared key' } });
    await assert.rejects(closed.connectWithNode(either(1)), withCode('ERR_NETWORK_MISMATCH'));
  });
});

test('reconnecting by p2pnetwork:// tells why it fails once a peerloom node listens there', async (t) => {
  const python = await PythonNode.start(t);
  if (python === undefined) return;
  const { port } = python;
  const ours = await startOurs(t, { reconnect: { minDelayMs: 10, maxDelayMs: 20 } });
  const told = Promise.withResolvers<unknown>();
  ours.on('node_reconnection_error', (_address, _trials, error) => {
    if (/claims the id of a peerloom node/.test((error as Error).message)) told.resolve(error);
  });
  await ours.connectWithNode(`p2pnetwork://127.0.0.1:${port}`, { reconnect: true });
  await python.kill();
  await startOurs(t, {}, port);
  assert.ok(withCode('ERR_HANDSHAKE', /p2pnetwork\+tls:\/\//)(await within(told.promise, 'the cause')));
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
