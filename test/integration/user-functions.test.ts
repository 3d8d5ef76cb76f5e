import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import {
  type ConnectionDetails,
  type NodeConnection,
  type NodeEventName,
  type NodeOptions,
  PeerloomError,
  type Runtime,
  systemRuntime,
  tcp,
} from '../../src/index.ts';
import { Fixture } from '../support/fixture.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';

/** Anything can be thrown: nothing, what breaks who looks at it, and what looks like an error of ours. */
function oddValues(): Record<string, unknown> {
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  return {
    undefined,
    null: null,
    'a text': 'a text',
    'an object without a prototype': Object.create(null),
    'an object whose getters throw': {
      get message(): never {
        throw new Error('not to be looked at');
      },
      [inspect.custom]() {
        throw new Error('not to be printed');
      },
    },
    'a revoked Proxy': revoked,
    'a timeout of ours': new PeerloomError('ERR_TIMEOUT', 'of something else'),
    'a closed connection of ours': new PeerloomError('ERR_CONNECTION_CLOSED', 'of another connection'),
  };
}

class OwnNode extends RecordingNode {
  make: (() => unknown) | undefined;

  override createNewConnection(details: ConnectionDetails): NodeConnection {
    if (this.make !== undefined) return this.make() as NodeConnection;
    return super.createNewConnection(details);
  }
}

/** Two ways to fail with a value. */
const failures = {
  throws: (value: unknown) => () => {
    throw value;
  },
  'rejects with': (value: unknown) => () => Promise.reject(value),
};

/** The node_error events of a node, as error and event. */
function errorsOf(node: RecordingNode): { error: unknown; event: NodeEventName }[] {
  return node.of('node_error').map(({ data }) => data as { error: unknown; event: NodeEventName });
}

/** In an object, because a promise looks for the `then` of what it is given. */
function thrownBy(promise: Promise<unknown>): Promise<{ error: unknown }> {
  return promise.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => ({ error }),
  );
}

async function startUser(t: TestContext, options: NodeOptions = {}) {
  const [user] = await startNodes(t, 1, { kind: OwnNode, options });
  const [other] = await startNodes(t, 1);
  return { user, other };
}

for (const [how, failWith] of Object.entries(failures)) {
  for (const [kind, value] of Object.entries(oddValues())) {
    suite(`a function of the user that ${how} ${kind}`, () => {
      const fail = failWith(value);

      test('in a handler is reported by node_error, and costs nothing else', async (t) => {
        const { user, other } = await startUser(t);
        const connection = await connect(other, user);
        const expectFailure = async (event: NodeEventName, run: () => Promise<unknown>): Promise<void> => {
          const earlier = errorsOf(user).length;
          user.once(event, fail);
          await run();
          await user.event('node_error', earlier + 1);
          const told = errorsOf(user).at(-1)!;
          assert.ok(Object.is(told.error, value));
          assert.equal(told.event, event);
        };
        const handler = { code: 'ERR_HANDLER' };
        await expectFailure('node_message', () => assert.rejects(connection.deliver(1), handler));
        await expectFailure('node_request', () => assert.rejects(connection.request(1), handler));
        // It is how a handler ends that reads a stream whose other side has gone.
        const isEndOfStream = kind === 'a closed connection of ours';
        if (!isEndOfStream) {
          await expectFailure('node_stream', async () => {
            const opened = connection.openStream().then((stream) => stream.closed);
            await assert.rejects(opened, handler);
          });
        }
        user.on('node_request', () => 'an answer');
        assert.equal(await connection.request(2), 'an answer');
        await expectFailure('inbound_node_disconnected', () => connection.stop());
        await expectFailure('inbound_node_connected', async () => (await connect(other, user)).deliver(3));
        await expectFailure('node_request_to_stop', () => within(user.stop(), 'the node stops'));
      });

      test('in node_error itself, or where nobody handles that, is printed', async (t) => {
        const { user, other } = await startUser(t);
        const printed = t.mock.method(console, 'error', () => {});
        const connection = await connect(other, user);
        user.on('node_message', fail);
        user.on('node_error', fail);
        user.on('node_request', () => 'an answer');
        await assert.rejects(connection.deliver(1), { code: 'ERR_HANDLER' });
        await connection.request(2);
        assert.match(String(printed.mock.calls[0]?.arguments[0]), /A handler of node_error failed/);
      });

      test('as authorize refuses the peer: inbound, outbound, and a Python node', async (t) => {
        const transports = [tcp({ accept: ['tls', 'p2pnetwork'] })];
        const { user, other } = await startUser(t, { transports, authorize: fail as () => Promise<boolean> });
        const told = async (count: number): Promise<void> => {
          await user.event('node_error', count);
          const { error, event } = errorsOf(user).at(-1)!;
          assert.ok(Object.is(error, value));
          assert.equal(event, 'inbound_node_connected');
        };
        await assert.rejects(other.connectWithNode(user.host, user.port), { code: 'ERR_NOT_ALLOWED' });
        await told(1);
        const { error } = await thrownBy(user.connectWithNode(other.host, other.port));
        assert.ok(Object.is(error, value), 'the caller gets what was thrown');

        const python = connectSocket(user.port, user.host, () => python.write('some id:1'));
        Fixture.of(t).defer(() => python.destroy());
        python.on('error', () => {}).resume();
        const closed = new Promise((resolve) => python.once('close', resolve));
        await within(closed, 'the Python node is hung up on');
        await told(2);
        assert.deepEqual([user.allNodes.length, other.allNodes.length], [0, 0]);
      });

      test('as createNewConnection refuses the peer: inbound and outbound', async (t) => {
        const { user, other } = await startUser(t);
        user.make = fail;
        const isOwn = (error: unknown): boolean =>
          how === 'throws' ? Object.is(error, value) : error instanceof TypeError;
        const refused = await other.connectWithNode(user.host, user.port);
        await user.event('node_error');
        assert.ok(isOwn(errorsOf(user)[0]!.error));
        await other.event('outbound_node_disconnected');
        assert.equal(refused.closeReason?.code, 'refused');
        const { error } = await thrownBy(user.connectWithNode(other.host, other.port));
        assert.ok(isOwn(error));
        user.make = undefined;
        await (await connect(other, user)).deliver('all is well');
      });
    });
  }
}

const brokenMethods: Record<string, Partial<Record<keyof Runtime, () => unknown>>> = {
  'whose now throws null': { now: failures.throws(null) },
  'whose now returns NaN': { now: () => Number.NaN },
  'whose setTimeout throws null': { setTimeout: failures.throws(null) },
  'whose timers have no cancel and never run': { setTimeout: () => ({}) },
  'whose random throws null': { random: failures.throws(null) },
  'whose random returns NaN': { random: () => Number.NaN },
  'whose randomBytes throws null': { randomBytes: failures.throws(null) },
  'whose randomBytes returns too little': { randomBytes: () => new Uint8Array(1) },
};
for (const [name, broken] of Object.entries(brokenMethods)) {
  test(`a runtime ${name}, from any moment on, is reported once and stops nothing`, async (t) => {
    let isBroken = false;
    const methods = Object.entries(systemRuntime).map(([method, whole]) => [
      method,
      (...args: unknown[]) =>
        isBroken && broken[method as keyof Runtime] ? broken[method as keyof Runtime]!() : whole(...args),
    ]);
    const runtime = Object.fromEntries(methods) as Runtime;
    const limits = { pingAfterMs: 200, deadAfterMs: 60_000 };
    const reconnect = { minDelayMs: 1, maxDelayMs: 5 };
    const { user, other } = await startUser(t, { runtime, limits, reconnect });
    isBroken = true;
    const connection = await user.connectWithNode(other.host, other.port, { reconnect: true });
    await connection.deliver('by a new connection');
    await connection.deliver('long'.repeat(100_000), { timeoutMs: 20_000 });
    assert.ok((await connection.ping()) >= 0);
    await other.disconnectWithNode(await other.peer(user));
    await user.event('outbound_node_connected', 2);
    await user.peer(other).deliver('connected again');
    await other.peer(user).deliver('the other way');
    await within(user.stop(), 'the node stops');
    const errors = errorsOf(user);
    assert.ok(errors.length <= 1, `${errors.length} reports`);
    for (const { error, event } of errors) {
      assert.match((error as Error).message, /^runtime\.\w+ (threw|must)/);
      assert.equal(event, 'node_error');
    }
  });
}
