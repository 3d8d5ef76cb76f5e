/** What docs/python.md says of version 1.2, seen on the package itself. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { suite } from 'node:test';
import { encodePacket } from '../../../src/p2pnetwork/packet.ts';
import { dial, listensNoMore, messages, readsNoMore, timeToRead, withNode, withPair } from './pair.ts';
import { RawPeer } from './raw-peer.ts';

suite('connections of version 1.2', { concurrency: 4 }, () => {
  withPair('a closed connection is not noticed', async ({ python, raw }, t) => {
    raw.socket.destroy();
    await timeToRead(t, python);
    await python.send({ text: 'lost', to: 'us' });
    const { inbound, sent } = await python.state();
    assert.deepEqual(inbound, ['us', 'another']);
    assert.equal(sent, 1, 'the lost message counts as sent');
    assert.deepEqual(python.of('inbound_node_disconnected'), []);
    await python.send({ text: 'this fails', to: 'us' });
    await python.until('inbound_node_disconnected');
  });

  withNode(
    'a peerloom process that was killed is not noticed before the second message',
    async (python, t) => {
      const child = fork(join(import.meta.dirname, '../../support/programs/node-to-kill.ts'));
      const exited = once(child, 'exit');
      t.after(() => child.kill('SIGKILL'));
      await once(child, 'message');
      child.send(`p2pnetwork://127.0.0.1:${python.port}`);
      // The system resets the connection of a process that has not read everything.
      await once(child, 'message');
      const killed = (await python.until('inbound_node_connected'))[0]!.peer!;
      child.kill('SIGKILL');
      await exited;
      await timeToRead(t, python);
      await python.send({ text: 'lost', to: killed });
      assert.ok((await python.state()).inbound.includes(killed));
      assert.deepEqual(python.of('inbound_node_disconnected'), []);
      await python.send({ text: 'this fails', to: killed });
      await python.until('inbound_node_disconnected');
    },
  );

  withNode('stop() fires no node_disconnect_with_outbound_node', async (python, t) => {
    const { port, accepted } = await RawPeer.listen(t);
    const connecting = python.connect(port);
    const raw = await accepted;
    raw.write('us');
    await connecting;
    await python.stop({ wait: true });
    await raw.over();
    assert.deepEqual(
      python.events.map(({ event }) => event),
      ['outbound_node_connected', 'node_request_to_stop', 'outbound_node_disconnected'],
    );
  });

  withPair('a reset connection is noticed at once, after the data before it', async ({ python, raw }) => {
    raw.write('1\u00042\u00043\u0004');
    await new Promise<void>((flushed) => raw.socket.write('', () => flushed()));
    raw.socket.resetAndDestroy();
    await python.until('inbound_node_disconnected');
    assert.deepEqual(messages(python), ['int 1', 'int 2', 'int 3']);
  });

  withPair(
    'a reset connection is not noticed in debug mode',
    async ({ python, raw }) => {
      raw.socket.resetAndDestroy();
      const [exception] = await python.until('exception');
      assert.equal(exception!.type, 'TypeError');
      await readsNoMore(python, 'us');
    },
    { debug: true },
  );

  withNode('a silent connection keeps all others waiting', async (python, t) => {
    const silent = await RawPeer.dial(t, python.port);
    const second = await RawPeer.dial(t, python.port, 'second:10002');
    silent.write('silent:10001');
    await second.take(python.id.length);
    const order = (await python.until('inbound_node_connected', 2)).map(({ peer }) => peer);
    assert.deepEqual(order, ['silent', 'second']);
  });

  for (const [what, bytes] of [
    ['a TLS handshake', Buffer.from('16030100c8010000c4', 'hex')],
    ['an id with a colon', Buffer.from('a:b:10001')],
  ] as const) {
    withNode(`${what} ends its listening`, async (python, t) => {
      await RawPeer.dial(t, python.port, bytes);
      const [exception] = await python.until('exception');
      assert.match(exception!.type!, /^(UnicodeDecodeError|ValueError)$/);
      await listensNoMore(python);
    });
  }

  withNode('a message right after an id becomes part of it', async (python, t) => {
    const { port, accepted } = await RawPeer.listen(t);
    const connecting = python.connect(port);
    (await accepted).write('us{"hello":1}\u0004');
    await connecting;
    const [connected] = await python.until('outbound_node_connected');
    assert.equal(connected!.peer, 'us{"hello":1}\u0004');
    assert.deepEqual(messages(python), []);
  });

  withNode('an answer in two reads is an id and the beginning of a message', async (python, t) => {
    const { port, accepted } = await RawPeer.listen(t);
    const connecting = python.connect(port);
    const raw = await accepted;
    raw.write('u');
    await connecting;
    raw.write('s');
    raw.write('hello\u0004');
    await python.until('node_message');
    assert.equal(python.of('outbound_node_connected')[0]!.peer, 'u');
    assert.deepEqual(messages(python), ['str shello']);
  });

  withNode('a node that hangs up before its id is connected all the same', async (python, t) => {
    const { port, accepted } = await RawPeer.listen(t);
    const connecting = python.connect(port);
    (await accepted).socket.end();
    assert.equal(await connecting, true);
    const [connected] = await python.until('outbound_node_connected');
    assert.equal(connected!.peer, '');
  });

  withNode('a connection that is reset before its id is reported as failed', async (python, t) => {
    const { port, accepted } = await RawPeer.listen(t);
    const connecting = python.connect(port);
    const raw = await accepted;
    await raw.take(1);
    raw.socket.resetAndDestroy();
    assert.equal(await connecting, false);
    assert.deepEqual(python.events, []);
  });

  withPair(
    'connections that are gone use up max_connections',
    async ({ python, raw }, t) => {
      raw.socket.destroy();
      const second = await RawPeer.dial(t, python.port, 'second:10002');
      await second.over();
      assert.deepEqual((await python.state()).inbound, ['us']);
      assert.equal(second.received.length, 0, 'it is not told why');
    },
    { max_connections: 1 },
  );

  withNode('a node connects with itself by another name', async (python) => {
    assert.equal(await python.connect(python.port), false);
    assert.equal(await python.connect(python.port, { host: 'localhost' }), true);
    await python.until('inbound_node_connected');
    assert.deepEqual((await python.state()).inbound, [python.id]);
  });

  withNode('a message may be handled before the event that its node is connected', async (python, t) => {
    for (let trial = 1; trial <= 100; trial++) {
      const raw = await RawPeer.dial(t, python.port, 'us:10001');
      await raw.take(python.id.length);
      raw.write('hello\u0004');
      await python.until('node_message', trial);
      await python.until('inbound_node_connected', trial);
      const [first] = python.events.slice(-2);
      raw.socket.destroy();
      if (first!.event === 'node_message') return;
    }
    assert.fail('not in 100 trials');
  });

  withNode(
    'a port of 0 is told to others as 0',
    async (python, t) => {
      const { port, accepted } = await RawPeer.listen(t);
      const connecting = python.connect(port);
      const raw = await accepted;
      assert.equal((await raw.take(python.id.length + 2)).toString(), `${python.id}:0`);
      raw.write('us');
      await connecting;
    },
    { tell_port: false },
  );

  withNode('two nodes with the same id are both accepted', async (python, t) => {
    for (let count = 1; count <= 2; count++) await dial(t, python);
    assert.deepEqual((await python.state()).inbound, ['us', 'us']);
  });

  withPair('two nodes have several connections', async ({ python }, t) => {
    await dial(t, python);
    assert.deepEqual((await python.state()).inbound, ['us', 'us']);
  });

  withPair(
    'a node that is connected is hung up on when it is dialled, and not told apart',
    async ({ python }, t) => {
      const { port, accepted } = await RawPeer.listen(t);
      const connecting = python.connect(port);
      const second = await accepted;
      second.write('us');
      assert.equal(await connecting, true);
      await second.over();
      const introduction = `${python.id}:${python.port}`;
      const notice = 'CLOSING: Already having a connection together';
      assert.equal(second.received.toString(), introduction + notice);
      assert.deepEqual(python.of('outbound_node_connected'), []);
    },
  );

  withPair('hanging up waits for the next message, or ten seconds', async ({ python, raw }) => {
    await python.hangUp('us');
    raw.write('late\u0004');
    await python.until('inbound_node_disconnected');
    assert.deepEqual(messages(python), ['str late']);
    assert.equal(await raw.over(), 'end');
  });

  withPair('stopping takes ten to twenty seconds', async ({ python }) => {
    const begun = performance.now();
    await python.stop({ wait: true });
    const seconds = (performance.now() - begun) / 1000;
    assert.ok(seconds > 5 && seconds < 30, `it took ${seconds} s`);
  });

  withNode('reconnecting is not begun by a first connection that fails', async (python, t) => {
    const { port, accepted } = await RawPeer.listen(t);
    const connecting = python.connect(port, { reconnect: true });
    const raw = await accepted;
    await raw.take(1);
    raw.socket.resetAndDestroy();
    assert.equal(await connecting, false);
    assert.equal((await python.state()).reconnecting, 0);
  });

  withNode(
    'a connection lost before the first look at it ends reconnecting and listening',
    async (python, t) => {
      const { port, accepted } = await RawPeer.listen(t);
      const connecting = python.connect(port, { reconnect: true });
      const raw = await accepted;
      raw.write('us');
      await connecting;
      raw.socket.resetAndDestroy();
      await python.until('outbound_node_disconnected');
      const [exception] = await python.until('exception');
      assert.deepEqual([exception!.type, exception!.message], ['KeyError', "'trials'"]);
      await listensNoMore(python);
    },
  );

  withPair('a receiver that is slow for ten seconds is hung up on', async ({ python, raw }) => {
    raw.socket.pause();
    await python.send({ text: 'x'.repeat(1_000_000), times: 20 });
    await python.until('inbound_node_disconnected');
    raw.socket.resume();
    await raw.over();
    assert.ok(raw.received.length < 20_000_000, 'the rest is lost');
  });

  withNode(
    'a handler of a connection that raises ends the listening of the node',
    async (python, t) => {
      await RawPeer.dial(t, python.port, 'us:10001');
      await listensNoMore(python);
    },
    { raises: 'inbound_node_connected' },
  );

  withPair(
    'a handler of a message that raises ends the reading of its connection',
    async ({ python, raw }) => {
      raw.write('hello\u0004');
      await readsNoMore(python, 'us');
    },
    { raises: 'node_message' },
  );

  withPair('it reads no more than 400 KiB a second', async ({ python, raw }) => {
    const begun = performance.now();
    raw.write(encodePacket('x'.repeat(1024 * 1024)));
    await python.until('node_message');
    const kibibytesPerSecond = 1024 / ((performance.now() - begun) / 1000);
    assert.ok(kibibytesPerSecond < 410, `${kibibytesPerSecond} KiB/s`);
  });
});
