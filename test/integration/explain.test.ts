import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import {
  type Discovery,
  type DiscoveryHost,
  type Explanation,
  type ExplanationLine,
  Identity,
  type NodeOptions,
  type ReachTopic,
  systemRuntime,
  tcp,
} from '../../src/index.ts';
import { listeningLine } from '../../src/node/explain/explain-self.ts';
import { failureAdvice } from '../../src/node/explain/failure-advice.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { connect, makeNode, startNodes, startPair } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

function line(explanation: Explanation, about: ReachTopic): ExplanationLine {
  const found = explanation.lines.find((each) => each.about === about);
  assert.ok(found, `a line about ${about} in:\n${explanation}`);
  return found;
}

function byIndex(...options: readonly NodeOptions[]): (index: number) => NodeOptions {
  return (index) => options[index] ?? {};
}

test('a line about an address says who reaches it', () => {
  for (const [text, says] of [
    ['tls://0.0.0.0:10001', 'listens on all IPv4 addresses of this machine: tls://0.0.0.0:10001'],
    ['tls://[::]:10001', 'listens on all IPv6 and IPv4 addresses of this machine: tls://[::]:10001'],
    ['tls://127.0.0.1:10001', 'listens on tls://127.0.0.1:10001: only programs on this machine reach it'],
    ['tls://10.1.2.3:10001', 'listens on tls://10.1.2.3:10001: nodes in the same network or VPN reach it'],
  ] as const) {
    const { about, text: line, address } = listeningLine(text);
    assert.deepEqual([about, line, address], ['address', says, text]);
  }
});

test('a failed attempt is about one part, with advice', () => {
  for (const [code, about, advice] of [
    ['ERR_ADDRESS_INVALID', 'address', /correct the address/],
    ['ERR_CONNECTION_CLOSED', 'handshake', /hung up during the handshake/],
    ['ERR_CONNECTION_REFUSED', 'port', /start the node there/],
    ['ERR_HANDSHAKE', 'handshake', /not a node of this kind/],
    ['ERR_HOST_NOT_FOUND', 'name lookup', /correct the name/],
    ['ERR_HOST_UNREACHABLE', 'network', /no route/],
    ['ERR_ID_MISMATCH', 'identity', /expect the new id/],
    ['ERR_IDENTITY_IN_USE', 'identity', /an identity of its own/],
    ['ERR_NETWORK_MISMATCH', 'admission', /network and networkKey/],
    ['ERR_NOT_ALLOWED', 'admission', /allow, deny, authorize/],
    ['ERR_PLAIN_NOT_ALLOWED', 'admission', /tls:\/\//],
    ['ERR_SELF_CONNECTION', 'address', /the other node/],
    ['ERR_TIMEOUT', 'network', /nothing answers/],
    ['ERR_TRANSPORT_UNAVAILABLE', 'node', /install/],
    ['ERR_VERSION', 'handshake', /update the older/],
    ['ERR_ABORTED', 'connection', /docs\/errors\.md says what ERR_ABORTED means/],
    [undefined, 'connection', /function of your own/],
  ] as const) {
    const found = failureAdvice(code);
    assert.equal(found.about, about);
    assert.match(found.advice, advice);
  }
});

suite('node.explain', () => {
  test('refuses what cannot be an id', async (t) => {
    const [node] = await startNodes(t, 1);
    assert.throws(() => node.explain(node.id.toLowerCase()), TypeError);
    assert.throws(() => node.explain(`${node.id} `), /id must be the complete id/);
    assert.throws(() => node.explain(7 as never), TypeError);
  });

  test('says of an unknown id what to do, with peers to ask and without', async (t) => {
    const { a } = await startPair(t);
    const [alone] = await startNodes(t, 1);
    const { id } = Identity.generate();
    const stranger = alone.explain(id);
    assert.equal(stranger.state, 'unknown');
    assert.match(line(stranger, 'discovery').advice!, /bootstrap/);
    assert.match(line(a.explain(id), 'discovery').advice!, /asks the peers/);
    assert.match(String(a.explain(id)), new RegExp(`^${id}: not connected.*\n {2}discovery: .*\n {4}→ call`));
  });

  test('says of its own id how others reach the node', async (t) => {
    const unborn = makeNode(t);
    const before = unborn.explain(unborn.id);
    assert.equal(before.state, 'self');
    assert.match(line(before, 'node').advice!, /start\(\)/);
    const { a, b } = await startPair(t);
    const self = b.explain(b.id);
    assert.match(line(self, 'address').text, /only programs on this machine/);
    assert.match(line(self, 'connection').text, /1 node that dialled this one is connected.*loopback/);
    assert.match(line(a.explain(a.id), 'connection').text, /no node that dialled/);
    await b.stop();
    assert.match(line(b.explain(a.id), 'node').text, /was stopped/);
  });

  test('says of a peer which way it is connected, as JSON too', async (t) => {
    const { a, b, connection } = await startPair(t);
    await connection.ping();
    const there = a.explain(b.id);
    assert.equal(there.state, 'connected');
    assert.match(
      line(there, 'connection').text,
      /this node dialled 127.0.0.1:\d+, over tls; the last round trip/,
    );
    assert.match(line(b.explain(a.id), 'connection').text, /it dialled this node, from 127.0.0.1/);
    assert.deepEqual(JSON.parse(JSON.stringify(there)), { id: b.id, state: 'connected', lines: there.lines });
  });

  test('says of a node that has gone how the connection ended, and then why a dial fails', async (t) => {
    const { a, b } = await startPair(t);
    const { port } = b;
    await b.stop();
    await a.event('outbound_node_disconnected');
    const ended = a.explain(b.id);
    assert.equal(ended.state, 'ended');
    assert.equal(line(ended, 'connection').code, 'stopped');
    assert.match(line(ended, 'connection').text, /the other node ended it: the node stopped/);
    for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(a.connectWithNode('127.0.0.1', port));
    const failed = a.explain(b.id);
    assert.equal(failed.state, 'failed');
    const { text, advice, code, ageMs, address } = line(failed, 'port');
    assert.match(text, /failed .* ago \(2 times in a row\): nothing listens at/);
    assert.match(advice!, /start the node there/);
    assert.deepEqual([code, address], ['ERR_CONNECTION_REFUSED', `tls://127.0.0.1:${port}`]);
    assert.ok(ageMs! >= 0);
  });

  test('says of a connection that broke, and has no session, what keeps the next one', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const proxy = await startProxy(t, b.port);
    await a.connectWithNode('127.0.0.1', proxy.port);
    await b.event('inbound_node_connected');
    proxy.breakLinks();
    await a.event('outbound_node_disconnected');
    const { text, advice, code } = line(a.explain(b.id), 'connection');
    assert.match(text, /^the last connection \(outbound\) ended .* ago; the link broke: /);
    assert.match(advice!, /\{ reconnect: true \}/);
    assert.equal(code, 'lost');
  });

  test('says of a connection that this node ended no more than that', async (t) => {
    const { a, b, connection } = await startPair(t);
    connection.stop();
    await a.event('outbound_node_disconnected');
    const { text, advice } = line(a.explain(b.id), 'connection');
    assert.match(text, /; this node ended it: /);
    assert.equal(advice, undefined);
  });

  test('says what waits, in both directions, and where the link is open to all', async (t) => {
    const plain = () => ({
      transports: [tcp({ accept: ['plain'] })],
      limits: { queueHighWaterBytes: 1_000_000 },
    });
    const [a, b] = await startNodes(t, 2, { options: plain });
    const connection = await a.connectWithNode(`tcp://127.0.0.1:${b.port}`);
    await b.event('inbound_node_connected');
    assert.deepEqual(
      a
        .explain(b.id)
        .lines.map(({ about, text, advice }) => [about, /waits?\b/.test(text), advice !== undefined]),
      [
        ['connection', false, false],
        ['connection', false, true],
      ],
    );
    assert.match(a.explain(b.id).lines[1]!.text, /is not encrypted: anybody on the way can read/);
    const gate = Promise.withResolvers<void>();
    b.on('node_message', () => gate.promise);
    for (let sent = 0; sent < 20; sent++) connection.send(new Uint8Array(1_000_000));
    await b.event('node_message');
    const waiting = a.explain(b.id).lines.find(({ advice }) => /drained\(\)/.test(advice ?? ''));
    assert.match(waiting!.text, /^\d{7,} bytes wait to be sent/);
    const unhandled = async () => b.explain(a.id).lines.find(({ text }) => /messages of it wait/.test(text));
    await until(async () => (await unhandled()) !== undefined, 'messages wait');
    assert.match((await unhandled())!.advice!, /node_handler_slow/);
    gate.resolve();
  });

  test('says that another node answered at the address', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const { id } = Identity.generate();
    await assert.rejects(a.connectWithNode('127.0.0.1', b.port, { id }), withCode('ERR_ID_MISMATCH'));
    const other = a.explain(id);
    assert.equal(other.state, 'failed');
    assert.match(line(other, 'identity').text, new RegExp(`has the id ${b.id}`));
  });

  test('says on both sides that a list keeps a node out', async (t) => {
    const identities = [Identity.generate(), Identity.generate()] as const;
    const [idOfA] = identities.map(({ id }) => id);
    const options = byIndex({ identity: identities[0] }, { identity: identities[1], deny: [idOfA!] });
    const [a, b] = await startNodes(t, 2, { options });
    await assert.rejects(a.connectWithNode('127.0.0.1', b.port), withCode('ERR_NOT_ALLOWED'));
    await b.event('connection_error');
    const refused = a.explain(b.id);
    assert.equal(refused.state, 'failed');
    assert.equal(line(refused, 'admission').code, 'ERR_NOT_ALLOWED');
    const denied = b.explain(a.id);
    assert.equal(denied.state, 'denied');
    assert.match(line(denied, 'admission').text, /option deny/);
    assert.ok(
      denied.lines.some(({ text }) => /it dialled this node.*in vain/.test(text)),
      String(denied),
    );
    assert.match(line(b.explain(b.id), 'admission').text, /1 × ERR_NOT_ALLOWED; the latest, 12D3/);
    const [choosy] = await startNodes(t, 1, { options: { allow: [a.id] } });
    assert.match(line(choosy.explain(b.id), 'admission').text, /option allow/);
    assert.equal(choosy.explain(a.id).state, 'unknown');
  });

  test('says that a limit refused the connection', async (t) => {
    const [a, b, full] = await startNodes(t, 3, { options: byIndex({}, {}, { maxConnections: 1 }) });
    await connect(a, full);
    await assert.rejects(b.connectWithNode('127.0.0.1', full.port), withCode('ERR_NOT_ALLOWED'));
    assert.match(line(b.explain(full.id), 'limit').text, /as many connections as it allows/);
    assert.match(line(full.explain(full.id), 'limit').advice!, /maxConnections/);
  });

  test('says that the networks differ', async (t) => {
    const [a, b] = await startNodes(t, 2, { options: byIndex({ network: 'one' }, { network: 'two' }) });
    const dial = a.connectWithNode('127.0.0.1', b.port, { id: b.id });
    await assert.rejects(dial, withCode('ERR_NETWORK_MISMATCH'));
    assert.match(line(a.explain(b.id), 'admission').advice!, /the same options network and networkKey/);
  });

  test('says of a suspended connection why the link broke, and who tries again', async (t) => {
    const [a, b] = await startNodes(t, 2, { options: { reconnect: { minDelayMs: 60_000 } } });
    const proxy = await startProxy(t, b.port);
    const connection = await a.connectWithNode('127.0.0.1', proxy.port, { reconnect: true });
    await b.event('inbound_node_connected');
    proxy.close();
    proxy.breakLinks();
    await a.event('outbound_node_disconnected');
    await b.event('inbound_node_disconnected');
    const broken = a.explain(b.id);
    assert.equal(broken.state, 'suspended');
    assert.match(line(broken, 'session').text, /the link broke: /);
    assert.equal(line(broken, 'session').code, connection.closeReason!.code);
    assert.match(line(broken, 'reconnect').text, /keeps trying/);
    assert.match(line(b.explain(a.id), 'reconnect').text, /it has to dial again/);
  });

  test('says of a found node which address is known, and from where', async (t) => {
    const { id } = Identity.generate();
    class Told implements Discovery {
      readonly name = 'told';
      start(host: DiscoveryHost): void {
        host.found({ id, address: '127.0.0.1:9' });
      }
      stop(): void {}
    }
    const [node] = await startNodes(t, 1, { options: { discovery: [new Told()] } });
    const known = node.explain(id);
    assert.match(line(known, 'address').text, /^tls:\/\/127.0.0.1:9 was given \(told\); this node has never/);
    assert.match(line(known, 'address').advice!, /leads to this machine/);
  });

  test('says that broadcasts of a node arrive which is no peer', async (t) => {
    const [a, b, c] = await startNodes(t, 3, { options: { presence: true } });
    await connect(a, b);
    await connect(c, b);
    c.broadcast('here');
    await a.event('node_broadcast');
    await a.event('node_joined', 2);
    const far = a.explain(c.id);
    assert.equal(far.state, 'known');
    assert.match(line(far, 'broadcasts').text, new RegExp(`over ${b.id} and 2 links`));
    assert.ok(far.lines.some(({ text }) => /by its announcements/.test(text)));
    assert.match(line(far, 'node').advice!, /connectWithNode/);
  });

  test('says that the clock of a peer is so far off that its broadcasts are dropped', async (t) => {
    const minutes = 10;
    const runtime = { ...systemRuntime, wallNow: () => Date.now() + minutes * 60_000 };
    const { a, b, connection } = await startPair(t, { options: byIndex({}, { runtime }) });
    b.broadcast('from the future');
    // The push is a frame of the same link, so it has arrived by then.
    await connection.ping();
    await connection.ping();
    const { text, advice } = line(a.explain(b.id), 'clock');
    assert.match(text, /10 min ahead of the clock of this node/);
    assert.match(advice!, /NTP/);
    assert.ok(!b.explain(a.id).lines.some(({ about }) => about === 'clock'));
  });
});

async function startProxy(t: TestContext, port: number): Promise<CuttingProxy> {
  const proxy = await CuttingProxy.start(port);
  Fixture.of(t).defer(() => proxy.close());
  return proxy;
}
