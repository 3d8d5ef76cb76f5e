import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type ConnectOptions, type Link, MemoryHub, memory } from '../../src/index.ts';
import { ImprovingLinks } from '../support/improving-links.ts';
import { makeNode } from '../support/start-nodes.ts';
import { LongestDelays } from '../support/virtual-runtimes.ts';

/** Node a connects with b over a link that may improve, on virtual time. */
async function start(t: TestContext, options: ConnectOptions = {}) {
  const runtime = new LongestDelays();
  const hub = new MemoryHub();
  const links = new ImprovingLinks(memory({ hub }));
  const engine = (transport: () => ReturnType<typeof memory>) => ({
    name: 'virtual',
    host: 'virtual',
    transport,
  });
  const a = makeNode(t, { engine: engine(() => links.transport), options: { runtime } }, 0);
  const b = makeNode(t, { engine: engine(() => memory({ hub })), options: { runtime } }, 1);
  await Promise.all([a.start(), b.start()]);
  const connection = await runtime.settle(a.connectWithNode(b.host, b.port, options));
  await runtime.settle(connection.deliver('ready'));
  const names = (node: typeof a) =>
    node.events.map(({ name }) => name).filter((name) => /connect|session/.test(name));
  return { runtime, links, a, b, connection, reverse: b.peer(a), names };
}

/** The link breaks in place of sending more. */
function breakAfter(link: Link, pieces: number): void {
  const send = link.send.bind(link);
  let sent = 0;
  link.send = (bytes, done) => {
    sent += 1;
    if (sent <= pieces) return send(bytes, done);
    link.destroy();
    return true;
  };
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, index) => index + from);

suite('a connection over a link that improves', () => {
  test('moves in silence: one connection, nothing lost or moved, and the earlier link ends after its trial', async (t) => {
    const { runtime, links, a, b, connection, reverse, names } = await start(t);
    assert.equal(connection.path, 'relayed');
    const large = new Uint8Array(300_000).fill(7);
    for (const number of numbers(50)) {
      connection.send(number);
      reverse.send(number);
      if (number % 10 === 0) connection.send(large);
      if (number === 20) links.improve();
      await runtime.advance(1);
    }
    await runtime.settle(Promise.all([connection.deliver('end'), reverse.deliver('end')]));
    assert.deepEqual(
      b.messages.filter((one) => typeof one === 'number'),
      numbers(50),
    );
    assert.equal(b.messages.length, 50 + 5 + 2);
    assert.deepEqual(a.messages, [...numbers(50), 'end']);
    assert.equal(connection.path, 'direct');
    const [relayed] = links.dialled;
    let isOver = false;
    void relayed!.closed.then(() => {
      isOver = true;
    });
    await runtime.advance(5_000);
    assert.equal(isOver, false, 'the earlier link is kept for a while');
    await runtime.advance(10_000);
    assert.equal(isOver, true);
    await runtime.settle(connection.deliver('still here'));
    assert.equal(b.peer(a), reverse);
    assert.deepEqual(names(a), ['outbound_node_connected']);
    assert.deepEqual(names(b), ['inbound_node_connected']);
  });

  test('returns to the earlier link when the better one breaks, and loses nothing', async (t) => {
    const { runtime, links, a, b, connection, reverse, names } = await start(t);
    links.improve();
    await runtime.advance(10);
    assert.equal(connection.path, 'direct');
    for (const number of numbers(20)) {
      connection.send(number);
      reverse.send(number);
    }
    links.dialled[1]!.destroy();
    for (const number of numbers(20, 20)) {
      connection.send(number);
      reverse.send(number);
    }
    await runtime.settle(Promise.all([connection.deliver('end'), reverse.deliver('end')]));
    assert.equal(connection.path, 'relayed');
    assert.deepEqual(b.messages.slice(1), [...numbers(40), 'end']);
    assert.deepEqual(a.messages, [...numbers(40), 'end']);
    await runtime.advance(1_000);
    links.improve();
    await runtime.advance(1);
    assert.equal(connection.path, 'direct', 'it moves again when it can');
    assert.deepEqual([...names(a), ...names(b)], ['outbound_node_connected', 'inbound_node_connected']);
  });

  test('returns to the earlier link when the better one falls silent', async (t) => {
    const { runtime, links, b, connection, names, a } = await start(t);
    links.improve();
    await runtime.advance(2_000);
    const better = links.dialled[1]!;
    better.pause();
    better.send = () => true;
    const delivered = connection.deliver('over which link?');
    await runtime.advance(7_000);
    await runtime.settle(delivered);
    assert.equal(connection.path, 'relayed');
    assert.deepEqual([...names(a), ...names(b)], ['outbound_node_connected', 'inbound_node_connected']);
  });

  test('stays where it is when the better link breaks during its handshake or right after it', async (t) => {
    for (const pieces of [1, 2, 3]) {
      const { runtime, links, b, connection, names, a } = await start(t);
      links.onLink = (link) => breakAfter(link, pieces);
      links.improve();
      await runtime.advance(6_000);
      await runtime.settle(connection.deliver('one'));
      assert.equal(connection.path, 'relayed', `after ${pieces} pieces`);
      links.onLink = () => {};
      links.improve();
      await runtime.advance(1_000);
      await runtime.settle(connection.deliver('two'));
      assert.equal(connection.path, 'direct');
      assert.deepEqual(b.messages, ['ready', 'one', 'two']);
      assert.deepEqual([...names(a), ...names(b)], ['outbound_node_connected', 'inbound_node_connected']);
    }
  });

  test('ends at once with its last link, as without a session, and says so once', async (t) => {
    const { runtime, links, a, b, connection, reverse, names } = await start(t);
    links.dialled[0]!.destroy();
    await runtime.advance(1);
    assert.deepEqual([connection.isOpen, reverse.isOpen], [false, false]);
    assert.equal(connection.closeReason?.code, 'lost');
    assert.deepEqual(names(a), ['outbound_node_connected', 'outbound_node_disconnected']);
    assert.deepEqual(names(b), ['inbound_node_connected', 'inbound_node_disconnected']);
  });

  test('with reconnect: true, resumes after the better link has broken for good', async (t) => {
    const { runtime, links, b, connection } = await start(t, { reconnect: true });
    links.improve();
    await runtime.advance(20_000);
    links.dialled[1]!.destroy();
    connection.send('meanwhile');
    await runtime.settle(connection.deliver('after'));
    assert.deepEqual(b.messages, ['ready', 'meanwhile', 'after']);
    assert.equal(links.dialled.length, 3);
  });
});
