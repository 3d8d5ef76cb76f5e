import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import {
  type Link,
  type NodeConnection,
  type NodeOptions,
  type Runtime,
  systemRuntime,
  type Transport,
  tcp,
} from '../../src/index.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';

/** A transport of the user's: TCP, but for some methods. */
function ownTransport(own: { readonly [Name in keyof Transport]?: unknown }): Transport {
  const inner = tcp();
  return {
    schemes: inner.schemes,
    attach: (context) => inner.attach(context),
    listen: (address, onLink) => inner.listen(address, onLink),
    dial: (address, signal, expected) => inner.dial(address, signal, expected),
    close: () => inner.close(),
    ...(own as object),
  };
}

function failing(): never {
  throw null;
}

async function start(t: TestContext, own: Parameters<typeof ownTransport>[0], options: NodeOptions = {}) {
  const [user] = await startNodes(t, 1, { options: { transports: [ownTransport(own)], ...options } });
  const [other] = await startNodes(t, 1);
  return { user, other };
}

suite('a transport of the user', () => {
  test('that never finishes a dial, whatever the signal says, keeps nobody waiting', async (t) => {
    const late = Promise.withResolvers<Link>();
    const { user, other } = await start(t, { dial: () => late.promise });
    const dial = user.connectWithNode(other.host, other.port, { timeoutMs: 50 });
    await within(assert.rejects(dial, { code: 'ERR_TIMEOUT' }), 'the dial ends');
    const aborted = new AbortController();
    const second = user.connectWithNode(other.host, other.port, { signal: aborted.signal });
    aborted.abort();
    await within(assert.rejects(second, { code: 'ERR_ABORTED' }), 'the dial ends');

    const destroyed = Promise.withResolvers<void>();
    const nothing = (): void => {};
    const link = { send: nothing, drained: nothing, pause: nothing, resume: nothing, close: nothing };
    late.resolve({
      ...link,
      closed: Promise.resolve(undefined),
      destroy: destroyed.resolve,
    } as unknown as Link);
    await within(destroyed.promise, 'the late link is destroyed');
  });

  const links: Record<string, unknown> = {
    nothing: undefined,
    null: null,
    'an empty object': {},
    'a text': 'link',
  };
  for (const [name, link] of Object.entries(links)) {
    test(`whose dial resolves to ${name} gets a TypeError, and the next dial is on its own`, async (t) => {
      const inner = tcp();
      let isBroken = true;
      const { user, other } = await start(t, {
        attach: (context: never) => inner.attach(context),
        listen: (...args: Parameters<Transport['listen']>) => inner.listen(...args),
        dial: async (...args: Parameters<Transport['dial']>) => (isBroken ? link : inner.dial(...args)),
        close: () => inner.close(),
      });
      const error = { name: 'TypeError', message: /dial of a transport must resolve to a Link, not/ };
      await assert.rejects(user.connectWithNode(other.host, other.port), error);
      isBroken = false;
      await (await user.connectWithNode(other.host, other.port)).deliver('it works');
    });
  }

  for (const bound of [
    undefined,
    null,
    {},
    [null],
    [{ host: 'a' }],
    [{ host: 'a', port: Number.NaN }],
    [{ host: 'a', port: 70_000 }],
  ]) {
    test(`whose listen resolves to ${JSON.stringify(bound)} fails the start`, async (t) => {
      const node = makeNode(t, { options: { transports: [ownTransport({ listen: async () => bound })] } });
      const message = /listen of a transport must resolve to a list of addresses/;
      await assert.rejects(node.start(), { name: 'TypeError', message });
      assert.equal(node.port, 0);
    });
  }

  for (const [name, close] of Object.entries({
    throws: failing,
    rejects: () => Promise.reject(null),
  })) {
    test(`whose close ${name} is told by stop, once all else has stopped`, async (t) => {
      const inner = tcp();
      let isReleased = false;
      let closings = 0;
      const broken = ownTransport({
        close: () => {
          closings += 1;
          void inner.close();
          return close();
        },
      });
      broken.attach = (context) => inner.attach(context);
      broken.listen = (address, onLink) => inner.listen(address, onLink);
      broken.dial = (address, signal, expected) => inner.dial(address, signal, expected);
      const node = makeNode(t, { options: { transports: [broken] } });
      node.releaseAfterStop = () => {
        isReleased = true;
      };
      const [other] = await startNodes(t, 1);
      await node.start();
      const connection: NodeConnection = await node.connectWithNode(other.host, other.port);
      const outcome = await node.stop().then(
        () => 'resolved',
        (error: unknown) => error,
      );
      assert.equal(outcome, null);
      assert.deepEqual([isReleased, closings, connection.isOpen], [true, 1, false]);
      // The end of the test stops it again.
      node.stop = () => Promise.resolve();
    });
  }
});

test('a transport whose close never resolves does not keep stop() waiting for ever', async (t) => {
  const runtime: Runtime = {
    ...systemRuntime,
    setTimeout: (callback, delayMs) => systemRuntime.setTimeout(callback, delayMs === 20_000 ? 0 : delayMs),
  };
  const inner = tcp();
  const silent = ownTransport({
    attach: (context: never) => inner.attach(context),
    listen: (...args: Parameters<Transport['listen']>) => inner.listen(...args),
    close: () => {
      void inner.close();
      return new Promise(() => {});
    },
  });
  const node = makeNode(t, { options: { transports: [silent], runtime } });
  await node.start();
  await assert.rejects(node.stop(), {
    code: 'ERR_TIMEOUT',
    message: /the transport for .* has not closed within 20000 ms: its close\(\) must resolve/,
  });
  // The end of the test stops it again.
  node.stop = () => Promise.resolve();
});

test('a signal of the user whose listeners cannot be removed costs no result, and no process', async (t) => {
  const [user, other] = await startNodes(t, 2);
  other.on('node_request', (_peer, data) => data);
  class Signal extends EventTarget {
    readonly aborted = false;
    readonly [Symbol.toStringTag] = 'AbortSignal';
    throwIfAborted(): void {}
    override removeEventListener(): never {
      throw new Error('there is no such listener');
    }
  }
  const signal = new Signal() as unknown as AbortSignal;
  const connection = await user.connectWithNode(other.host, other.port, { signal });
  assert.equal(await connection.request('hello', { signal }), 'hello');
  assert.ok((await connection.ping({ signal })) >= 0);
});

test('a console that throws stops no node', async (t) => {
  t.mock.method(console, 'error', failing);
  const [user, other] = await startNodes(t, 2, { options: { debug: true } });
  other.on('node_message', failing);
  other.on('node_error', failing);
  const connection = await user.connectWithNode(other.host, other.port);
  await assert.rejects(connection.deliver('text'), { code: 'ERR_HANDLER' });
  await within(other.stop(), 'the node stops');
});

test('options with getters are read once', async (t) => {
  const [user, other] = await startNodes(t, 2, { options: { reconnect: { minDelayMs: 1, maxDelayMs: 5 } } });
  let reads = 0;
  const options = {
    reconnect: true,
    get timeoutMs() {
      if (++reads > 1) throw null;
      return 10_000;
    },
  };
  await user.connectWithNode(other.host, other.port, options);
  await other.event('inbound_node_connected');
  await other.disconnectWithNode(other.peer(user));
  await user.event('outbound_node_connected', 2);
  assert.equal(reads, 1);
});
