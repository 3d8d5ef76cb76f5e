import assert from 'node:assert/strict';
import type { NodeOptions, PeerloomError } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes } from '../support/start-nodes.ts';
import { turns, until } from '../support/turns.ts';
import type { Contract } from './transport.ts';

/** How often two nodes dial each other at once. `npm run test:long -- dials` does it more often. */
const dialsAtOnce = Number(process.env.PEERLOOM_DIALS_AT_ONCE ?? 20);

interface InboundFailure {
  readonly address: string;
  readonly error: PeerloomError;
  readonly direction: string;
}

/** The events of a node without failures: those of the links that other nodes gave up. */
function namesOfConnections(node: RecordingNode): string[] {
  return node.names.filter((name) => name !== 'connection_error');
}

/** What a node has reported of inbound connections. */
function inboundFailures(node: RecordingNode): InboundFailure[] {
  const failures = node.of('connection_error').map(({ data }) => data as InboundFailure);
  return failures.filter(({ direction }) => direction === 'inbound');
}

/** Which nodes come together, and how often, whatever carries it. */
export const connectingContract: Contract = {
  async 'two nodes that dial each other at once keep one connection'(t, engine) {
    for (let round = 0; round < dialsAtOnce; round++) {
      const [a, b] = await startNodes(t, 2, { engine });
      // Not only at the same moment: each may come upon the other at any point of its handshake.
      const late = turns(round % 20).then(() => b.connectWithNode(a.host, a.port));
      const [ab, ba] = await Promise.all([a.connectWithNode(b.host, b.port), late]);
      const connected = ({ names }: RecordingNode): number =>
        names.filter((name) => name.endsWith('bound_node_connected')).length;
      // A message in each direction, and back, shows that both mean the same link and nothing is under way.
      await Promise.all([ab.deliver('from a'), ba.deliver('from b')]);
      assert.deepEqual([a.messages, b.messages], [['from b'], ['from a']]);
      assert.deepEqual([a.allNodes.length, b.allNodes.length], [1, 1], `round ${round}`);
      assert.ok(a.peer(b) === ab && b.peer(a) === ba);
      assert.deepEqual([connected(a), connected(b)], [1, 1], `round ${round}: ${a.names}; ${b.names}`);
      assert.notEqual(ab.direction, ba.direction);
      await Promise.all([a.stop(), b.stop()]);
    }
  },

  async 'connecting again gives the connection that is there'(t, engine) {
    const [a, b] = await startNodes(t, 2, { engine });
    const [first, second] = await Promise.all([
      a.connectWithNode(b.host, b.port),
      a.connectWithNode(b.host, b.port),
    ]);
    assert.equal(first, second);
    assert.equal(await a.connectWithNode(b.host, b.port), first);
    await b.event('inbound_node_connected');
    assert.equal(await b.connectWithNode(a.host, a.port), b.peer(a));
    await first.deliver('still the same');
    assert.deepEqual(a.names, ['outbound_node_connected']);
    assert.deepEqual(b.names, ['inbound_node_connected', 'node_message']);
  },

  async 'connecting again while the old connection still closes gives a new one'(t, engine) {
    const [a, b] = await startNodes(t, 2, { engine });
    for (const [from, to] of [
      [a, b],
      [b, a],
      [a, b],
    ] as const) {
      const old = await from.connectWithNode(to.host, to.port);
      const stopped = old.stop();
      const fresh = await from.connectWithNode(to.host, to.port);
      assert.notEqual(fresh, old);
      await stopped;
      await fresh.deliver('hello');
      assert.deepEqual([a.allNodes.length, b.allNodes.length], [1, 1]);
      await fresh.stop();
      await until(() => to.allNodes.length === 0, 'the other side knows');
    }
    assert.equal(a.of('outbound_node_connected').length, 4);
    assert.equal(a.of('inbound_node_connected').length, 2);
  },

  async 'who connects at the same time as another caller has patience of its own'(t, engine) {
    const [a] = await startNodes(t, 1, { engine });
    const gate = Promise.withResolvers<boolean>();
    const asked = Promise.withResolvers<void>();
    const authorize = (): Promise<boolean> => {
      asked.resolve();
      return gate.promise;
    };
    const [b] = await startNodes(t, 1, { engine, options: { authorize } });
    const controller = new AbortController();
    const first = a.connectWithNode(b.host, b.port, { signal: controller.signal });
    await asked.promise;
    const hasty = a.connectWithNode(b.host, b.port, { timeoutMs: 50 });
    const patient = a.connectWithNode(b.host, b.port);
    await assert.rejects(hasty, withCode('ERR_TIMEOUT'));
    controller.abort();
    await assert.rejects(first, withCode('ERR_ABORTED'));
    gate.resolve(true);
    await (await patient).deliver('hello');
    assert.deepEqual(namesOfConnections(b), ['inbound_node_connected', 'node_message']);
  },

  async 'a node does not connect with itself'(t, engine) {
    const [a] = await startNodes(t, 1, { engine });
    await assert.rejects(a.connectWithNode(a.host, a.port), withCode('ERR_SELF_CONNECTION'));
    assert.deepEqual(a.names, ['connection_error']);
  },

  async 'a pinned id decides who may answer'(t, engine) {
    const [a, b, c] = await startNodes(t, 3, { engine });
    await assert.rejects(a.connectWithNode(b.host, b.port, { id: c.id }), withCode('ERR_ID_MISMATCH'));
    const connection = await a.connectWithNode(b.host, b.port, { id: b.id });
    assert.equal(connection.id, b.id);
    await connection.deliver('hello');
    assert.deepEqual(namesOfConnections(b), ['inbound_node_connected', 'node_message']);
  },

  async 'networks of different names do not connect'(t, engine) {
    const networks = ['red', 'red', 'blue'];
    const options = (index: number) => ({ network: networks[index]! });
    const [a, b, c] = await startNodes(t, 3, { engine, options });
    for (const [from, to] of [
      [a, c],
      [c, a],
    ] as const) {
      const [of, other] = from === a ? ['red', 'blue'] : ['blue', 'red'];
      const networks = `the node that dials belongs to the network '${of}', the one that it dials to the network '${other}'`;
      await assert.rejects(
        from.connectWithNode(to.host, to.port),
        withCode(
          'ERR_NETWORK_MISMATCH',
          new RegExp(`^refused by .*:${to.port}: give both nodes the same network: ${networks}$`),
        ),
      );
    }
    await connect(a, b);
    await until(() => inboundFailures(c).length === 1, 'the listener reports the failure');
    assert.deepEqual(c.names, ['connection_error', 'connection_error']);
  },

  async 'only holders of the network key connect'(t, engine) {
    const keys = ['a shared key', 'a shared key', 'another key', undefined];
    const nodes = await startNodes(t, 4, {
      engine,
      options: (index) => ({ networkKey: keys[index]! }),
    });
    const [a, b, c, d] = nodes;
    for (const [from, to] of [
      [a, c],
      [c, a],
      [a, d],
      [d, a],
    ] as const) {
      const refusal = from.connectWithNode(to.host, to.port);
      const advice = new RegExp(
        `${to.port}: the two sides do not hold the same network key: give both nodes `,
      );
      await assert.rejects(
        refusal,
        withCode('ERR_NETWORK_MISMATCH', advice),
        `${from.name} dials ${to.name}`,
      );
      await assert.rejects(refusal, ({ message }: Error) => !message.includes(to.id));
    }
    await connect(a, b);
    await a.peer(b).deliver('among us');
    for (const stranger of [c, d]) {
      await until(() => inboundFailures(stranger).length === 1, 'the listener reports the failure');
      assert.deepEqual(stranger.names, ['connection_error', 'connection_error']);
    }
    assert.deepEqual(new Set(b.names), new Set(['inbound_node_connected', 'node_message']));
  },

  async 'a listener reports who did not come to connect, with the reason'(t, engine) {
    const [a] = await startNodes(t, 1, { engine });
    const [strict] = await startNodes(t, 1, { engine, options: { deny: [a.id] } });
    await assert.rejects(a.connectWithNode(strict.host, strict.port), withCode('ERR_NOT_ALLOWED'));
    const [other] = await startNodes(t, 1, { engine, options: { network: 'another' } });
    await assert.rejects(a.connectWithNode(other.host, other.port), withCode('ERR_NETWORK_MISMATCH'));
    for (const [node, code] of [
      [strict, 'ERR_NOT_ALLOWED'],
      [other, 'ERR_NETWORK_MISMATCH'],
    ] as const) {
      await node.event('connection_error');
      const [{ address, error }] = inboundFailures(node) as [InboundFailure];
      assert.equal(error.code, code);
      assert.match(address, /^\S+:\d+$/);
    }
  },

  async 'a second link between the same two nodes is no failure'(t, engine) {
    const [a, b] = await startNodes(t, 2, { engine });
    await Promise.all([a.connectWithNode(b.host, b.port), b.connectWithNode(a.host, a.port)]);
    for (let round = 0; round < 3; round++) {
      await a.connectWithNode(b.host, b.port);
      await b.connectWithNode(a.host, a.port);
    }
    await a.peer(b).deliver('hello');
    await b.peer(a).deliver('hello');
    await turns();
    assert.deepEqual([...inboundFailures(a), ...inboundFailures(b)], []);
  },

  async 'no more inbound connections than the node allows'(t, engine) {
    const [hub, b, c, d] = await startNodes(t, 4, { engine, options: { maxConnections: 2 } });
    const connection = await connect(b, hub);
    await connect(c, hub);
    await assert.rejects(connect(d, hub), withCode('ERR_NOT_ALLOWED'));
    assert.equal(hub.nodesInbound.size, 2);
    await connect(hub, d);
    assert.equal(hub.allNodes.length, 3, 'outbound ones do not count');
    await connection.stop();
    await hub.event('inbound_node_disconnected');
    await connect(b, hub);
    assert.equal(hub.nodesInbound.size, 2);
    assert.deepEqual(d.names, ['connection_error', 'inbound_node_connected']);
  },

  async 'many nodes of one machine connect with the same node'(t, engine) {
    const [hub, ...others] = (await startNodes(t, 21, { engine })) as [RecordingNode, ...RecordingNode[]];
    await Promise.all(others.map((node) => node.connectWithNode(hub.host, hub.port)));
    await hub.event('inbound_node_connected', 20);
    assert.equal(hub.sendToNodes('welcome').sent, 20);
    for (const node of others) assert.equal(await node.message(), 'welcome');
  },

  async 'either side may refuse the other, before any event'(t, engine) {
    const [a, b] = await startNodes(t, 2, { engine });
    const refusals: NodeOptions[] = [
      { deny: [a.id, b.id] },
      { allow: [] },
      { authorize: () => false },
      { authorize: async () => false },
    ];
    for (const options of refusals) {
      const [strict] = await startNodes(t, 1, { engine, options });
      await assert.rejects(a.connectWithNode(strict.host, strict.port), withCode('ERR_NOT_ALLOWED'));
      await assert.rejects(strict.connectWithNode(b.host, b.port), withCode('ERR_NOT_ALLOWED'));
      assert.deepEqual(strict.names, ['connection_error', 'connection_error']);
    }
    await until(() => inboundFailures(b).length === refusals.length, 'the refused side reports it as well');
    assert.deepEqual(new Set(b.names), new Set(['connection_error']));
    assert.deepEqual(new Set(a.names), new Set(['connection_error']));
  },

  async 'an authorize that throws admits nobody'(t, engine) {
    const failure = new Error('the list cannot be read');
    const options = { authorize: () => Promise.reject(failure) };
    const [strict] = await startNodes(t, 1, { engine, options });
    const [a] = await startNodes(t, 1, { engine });
    await assert.rejects(a.connectWithNode(strict.host, strict.port), withCode('ERR_NOT_ALLOWED'));
    await assert.rejects(strict.connectWithNode(a.host, a.port), failure);
    assert.deepEqual([strict.names, a.names], [['node_error'], ['connection_error']]);
    assert.deepEqual(strict.events[0]!.data, { error: failure, event: 'inbound_node_connected' });
  },

  async 'an authorize that answers no boolean admits nobody, and is told of'(t, engine) {
    const options = { authorize: () => 'yes' as never };
    const [strict] = await startNodes(t, 1, { engine, options });
    const [a] = await startNodes(t, 1, { engine });
    await assert.rejects(a.connectWithNode(strict.host, strict.port), withCode('ERR_NOT_ALLOWED'));
    await assert.rejects(strict.connectWithNode(a.host, a.port), withCode('ERR_NOT_ALLOWED'));
    const error = new TypeError("authorize must return a boolean, or a promise of one, not 'yes'");
    assert.deepEqual(new Set(strict.names), new Set(['node_error', 'connection_error']));
    assert.deepEqual(
      strict.of('node_error').map(({ data }) => data),
      [
        { error, event: 'inbound_node_connected' },
        { error, event: 'outbound_node_connected' },
      ],
    );
  },

  async 'authorize is told who asks, and may take its time'(t, engine) {
    const asked: unknown[] = [];
    const [a] = await startNodes(t, 1, { engine });
    const authorize = async (peer: unknown): Promise<boolean> => {
      asked.push(peer);
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    };
    const [strict] = await startNodes(t, 1, {
      engine,
      options: { authorize, allow: [a.id], name: 'strict' },
    });
    const connection = await connect(a, strict);
    const inbound = strict.peer(a);
    const security = inbound.security;
    assert.deepEqual(asked, [
      { id: a.id, name: 'a', host: inbound.host, port: a.port, direction: 'inbound', security },
    ]);
    await connection.deliver('let in');
  },
};
