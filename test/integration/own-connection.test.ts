import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type * as Copy from '../../src/api/node-connection.ts';
import {
  type ConnectionDetails,
  type Data,
  type Node,
  NodeConnection,
  type SendOptions,
} from '../../src/index.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes, startPair } from '../support/start-nodes.ts';

/** Stamps what it sends, and counts. */
class StampingConnection extends NodeConnection {
  stamped = 0;
  override send(data: Data, options?: SendOptions): boolean {
    this.stamped += 1;
    return super.send({ number: this.stamped, data }, options);
  }
}

class StampingNode extends RecordingNode {
  override createNewConnection(details: ConnectionDetails): StampingConnection {
    return new StampingConnection(this, details);
  }
}

test('a class of your own is used for both directions', async (t) => {
  const { a, b, connection, reverse } = await startPair(t, { kind: StampingNode });
  for (const side of [connection, reverse]) assert.ok(side instanceof StampingConnection);
  assert.deepEqual([connection.mainNode, reverse.mainNode], [a, b]);
  const { peer } = await a.event('outbound_node_connected');
  assert.equal(peer, connection);
});

test('its send is what every way of sending goes through', async (t) => {
  const { a, b, connection } = await startPair(t, { kind: StampingNode });
  connection.send('directly');
  a.sendToNode(b.id, 'by id');
  assert.equal(a.sendToNodes('to all').sent, 1);
  a.sendToNodes('to all, compressed', { compression: 'zlib' });
  await b.message(4);
  assert.deepEqual(b.messages, [
    { number: 1, data: 'directly' },
    { number: 2, data: 'by id' },
    { number: 3, data: 'to all' },
    { number: 4, data: 'to all, compressed' },
  ]);
});

test('a send that is overridden and throws is in the report', async (t) => {
  const failure = new Error('not today');
  class RefusingConnection extends NodeConnection {
    override send(): boolean {
      throw failure;
    }
  }
  class RefusingNode extends RecordingNode {
    override createNewConnection(details: ConnectionDetails): NodeConnection {
      return new RefusingConnection(this, details);
    }
  }
  const { a, connection } = await startPair(t, { kind: RefusingNode });
  assert.deepEqual(a.sendToNodes('hello'), {
    sent: 0,
    congested: [],
    failed: [{ connection, error: failure }],
  });
});

test('a connection remembers what it is told', async (t) => {
  const { connection, reverse } = await startPair(t);
  assert.equal(connection.getInfo('mood'), undefined);
  connection.setInfo('mood', 'curious');
  connection.setInfo('mood', 'pleased');
  assert.equal(connection.getInfo('mood'), 'pleased');
  assert.equal(reverse.getInfo('mood'), undefined, 'the other side does not know');
});

test('printConnections tells who is connected', async (t) => {
  const { a, b } = await startPair(t);
  const printed = t.mock.method(console, 'log', () => {});
  b.printConnections();
  const lines = printed.mock.calls.map((call) => call.arguments[0]);
  printed.mock.restore();
  const { sentBytes, receivedBytes } = b.metrics();
  assert.deepEqual(lines, [
    'Connections of b:',
    '- inbound: 1',
    `    ${a.id} at 127.0.0.1:${a.port}: ${sentBytes} bytes sent, ${receivedBytes} received`,
    '- outbound: 0',
  ]);
});

test('a createNewConnection that throws costs that connection, and nothing else', async (t) => {
  class FailingNode extends RecordingNode {
    override createNewConnection(): NodeConnection {
      throw new Error('no object today');
    }
  }
  const [a, other] = await startNodes(t, 2);
  const [b] = await startNodes(t, 1, { kind: FailingNode });
  // The handshake is over for the one side, and so it has a connection that ends at once.
  const refused = await a.connectWithNode(b.host, b.port, { reconnect: true });
  await a.event('outbound_node_disconnected');
  assert.deepEqual([refused.closeReason?.code, refused.closeReason?.by], ['refused', 'them']);
  assert.ok(!refused.isOpen, 'nothing is kept for another link');
  const { error } = (await b.event('node_error')).data as { error: Error };
  assert.equal(error.message, 'no object today');
  await assert.rejects(b.connectWithNode(other.host, other.port), /no object today/);
  assert.equal(b.allNodes.length, 0);
  const connection = await a.connectWithNode(other.host, other.port);
  await connection.deliver('still fine');
});

suite('a createNewConnection that returns no connection of its own', () => {
  /** A variable, so that TypeScript does not look for the file. */
  const otherCopy = '../../src/api/node-connection.ts?another-copy';
  type Create = (node: Node, details: ConnectionDetails) => unknown;
  const make: Create = (node, details) => new NodeConnection(node, details);
  let earlier: NodeConnection | undefined;
  const kinds: Record<string, Create> = {
    'a Proxy': (...made) => new Proxy(make(...made) as NodeConnection, {}),
    'a copy by Object.create': (...made) => Object.create(make(...made) as NodeConnection),
    'an object without a class': (...made) => ({ ...(make(...made) as NodeConnection) }),
    'a promise': async (...made) => make(...made),
    'a promise that is rejected': () => Promise.reject(undefined),
    nothing: () => undefined,
    null: () => null,
    'one of another node': (node, details) => make(startedElsewhere(node), details),
    'one that was made before': (...made) => {
      earlier ??= make(...made) as NodeConnection;
      return made[1].direction === 'outbound' ? earlier : undefined;
    },
    'one of a second copy of the package': (node, details) => new copy.NodeConnection(node as never, details),
  };
  const unreal = /^(a Proxy|a copy|an object|nothing|null|one that was made before|one of a second copy)/;
  let copy: typeof Copy;
  const startedElsewhere = (node: Node): Node => Object.create(node);

  for (const [kind, create] of Object.entries(kinds)) {
    test(`is refused at once, with a TypeError, and costs nothing else: ${kind}`, async (t) => {
      copy = (await import(otherCopy)) as typeof Copy;
      class WrongNode extends RecordingNode {
        isWrong = true;
        override createNewConnection(details: ConnectionDetails): NodeConnection {
          const right = super.createNewConnection(details);
          return this.isWrong ? (create(this, details) as NodeConnection) : right;
        }
      }
      const [a] = await startNodes(t, 1);
      const [b] = await startNodes(t, 1, { kind: WrongNode });
      const rule = /^createNewConnection must return a NodeConnection, made by `new`/;
      const isClear = (error: unknown): boolean => error instanceof TypeError && rule.test(error.message);

      const refused = await a.connectWithNode(b.host, b.port);
      const { error } = (await b.event('node_error')).data as { error: Error };
      assert.ok(isClear(error), String(error));
      assert.equal(
        /not a promise: it cannot be asynchronous/.test(error.message),
        kind.startsWith('a promise'),
      );
      assert.equal(/ a Proxy, a copy made by/.test(error.message), unreal.test(kind));
      await a.event('outbound_node_disconnected');
      assert.equal(refused.closeReason?.code, 'refused');

      await assert.rejects(b.connectWithNode(a.host, a.port), isClear);
      assert.equal(b.allNodes.length, 0);

      b.isWrong = false;
      const connection = await connect(a, b);
      await connection.deliver('still there');
      await connection.stop();
      await b.event('inbound_node_disconnected');
    });
  }
});

test('what looks like a connection and is none is refused wherever a connection is given', async (t) => {
  const { a, connection } = await startPair(t);
  for (const fake of [new Proxy(connection, {}), Object.create(connection) as NodeConnection]) {
    await assert.rejects(a.disconnectWithNode(fake), TypeError);
    assert.throws(() => a.sendToNode(fake, 'hello'), TypeError);
    assert.throws(() => a.sendToNodes('hello', { exclude: [fake] }), TypeError);
  }
  assert.ok(connection.isOpen);
});
