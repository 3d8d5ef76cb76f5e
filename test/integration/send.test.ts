import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import {
  type Data,
  Identity,
  type NodeConnection,
  type SendOptions,
  type SendToNodesOptions,
  tcp,
} from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes, startPair } from '../support/start-nodes.ts';

/** Data that counts how often it is looked at. */
function countingData(): { data: Data; reads: () => number } {
  let reads = 0;
  const data = {
    get text() {
      reads += 1;
      return 'hello';
    },
  };
  return { data, reads: () => reads };
}

/** A node that is connected with each of the others. */
async function startHub(t: TestContext, others: number) {
  const [hub, ...leaves] = (await startNodes(t, others + 1)) as RecordingNode[];
  for (const [index, leaf] of leaves.entries()) {
    if (index % 2 === 0) await connect(hub!, leaf);
    else await connect(leaf, hub!);
  }
  return { hub: hub!, leaves };
}

suite('sendToNodes', () => {
  test('reaches all neighbours, whoever connected', async (t) => {
    const { hub, leaves } = await startHub(t, 4);
    assert.deepEqual(hub.sendToNodes('hello'), { sent: 4, congested: [], failed: [] });
    for (const leaf of leaves) assert.equal(await leaf.message(), 'hello');
  });

  test('leaves out whom it is told to', async (t) => {
    const { hub, leaves } = await startHub(t, 3);
    const [first, second, third] = leaves;
    const report = hub.sendToNodes('not for the second', { exclude: [hub.peer(second!)] });
    assert.equal(report.sent, 2);
    await Promise.all([first!.message(), third!.message()]);
    await hub.peer(second!).deliver('and now');
    assert.deepEqual(second!.messages, ['and now']);
  });

  test('leaves out whom it is told to by its id, beside connections', async (t) => {
    const { hub, leaves } = await startHub(t, 3);
    const [first, second, third] = leaves;
    const exclude = new Set([first!.id, hub.peer(second!)]);
    assert.equal(hub.sendToNodes('for the third', { exclude }).sent, 1);
    assert.equal(await third!.message(), 'for the third');
    await hub.peer(first!).deliver('and now');
    assert.deepEqual(first!.messages, ['and now']);
  });

  test('refuses what is no list of whom to leave out, and sends nothing', async (t) => {
    const { hub, leaves } = await startHub(t, 1);
    const connection = hub.peer(leaves[0]!);
    const rule = 'exclude must be a list of connections and ids, such as [connection]';
    const wrong: [unknown, string][] = [
      [connection, `${rule}, not an instance of NodeConnection`],
      [connection.id, `${rule}, not '${connection.id}'`],
      [null, `${rule}, not null`],
      [[5], `${rule}; it holds 5`],
      [[hub], `${rule}; it holds an instance of RecordingNode`],
    ];
    for (const [exclude, message] of wrong) {
      assert.throws(() => hub.sendToNodes('to nobody', { exclude } as object), new TypeError(message));
    }
    const misspelt = { exlude: [connection] } as object;
    const unknown = new TypeError(
      "exlude is not an option; did you mean 'exclude'? The options are compression, verbatim, exclude",
    );
    assert.throws(() => hub.sendToNodes('to nobody', misspelt), unknown);
    assert.throws(() => hub.sendToNodes('to nobody', null as never), /options must be an object, not null/);
    assert.equal(hub.messageCountSend, 0);
  });

  test('refuses to leave out an id that no node can have, and sends nothing', async (t) => {
    const { hub, leaves } = await startHub(t, 1);
    const { id } = hub.peer(leaves[0]!);
    for (const slip of [` ${id}`, id.toLowerCase(), id.slice(0, -1), `${id}\u200b`, '']) {
      assert.throws(
        () => hub.sendToNodes('not for the peer', { exclude: [slip] }),
        /exclude must be the complete id of a node, .* cannot be an id/,
        JSON.stringify(slip),
      );
    }
    assert.equal(hub.messageCountSend, 0);
    // Nodes that have left may still be on the list.
    const exclude = [Identity.generate().id, 'a Python node', id];
    assert.equal(hub.sendToNodes('not for the peer', { exclude }).sent, 0);
  });

  test('encodes once, with the compression that was asked for', async (t) => {
    const { hub, leaves } = await startHub(t, 4);
    const forOne = countingData();
    hub.sendToNodes(forOne.data, { exclude: hub.allNodes.slice(1) });
    const forAll = countingData();
    hub.sendToNodes(forAll.data);
    assert.ok(forOne.reads() > 0);
    assert.equal(forAll.reads(), forOne.reads());
    hub.sendToNodes(forAll.data, { compression: 'brotli' });
    assert.equal(forAll.reads(), 2 * forOne.reads());
    await leaves[0]!.message(2);
    assert.deepEqual(leaves[0]!.messages, [{ text: 'hello' }, { text: 'hello' }]);
    const long = 'a'.repeat(50_000);
    const bytesOf = async (options?: SendToNodesOptions) => {
      const before = hub.allNodes.map((peer) => peer.metrics().sentBytes);
      hub.sendToNodes(long, options);
      for (const peer of hub.allNodes) await peer.ping();
      return hub.allNodes.map((peer, index) => peer.metrics().sentBytes - before[index]!);
    };
    assert.ok((await bytesOf()).every((bytes) => bytes >= 50_000));
    assert.ok((await bytesOf({ compression: 'brotli' })).every((bytes) => bytes > 0 && bytes < 1_000));
  });

  test('tells who is congested and who did not take it', async (t) => {
    const [hub] = await startNodes(t, 1, { options: { limits: { queueMaxBytes: 2_000_000 } } });
    const [slow, small, fine] = await startNodes(t, 3, {
      options: (index) => (index === 1 ? { limits: { maxMessageBytes: 1_000_000 } } : {}),
    });
    for (const other of [slow, small, fine]) await connect(hub, other);
    const gate = Promise.withResolvers<void>();
    slow.on('node_message', () => gate.promise);
    const toSlow = hub.peer(slow);
    const fill = (): void => {
      for (let index = 0; index < 1_000; index++) toSlow.send(new Uint8Array(100_000));
    };
    assert.throws(fill, withCode('ERR_QUEUE_FULL'));
    const sentBefore = hub.messageCountSend;
    const report = hub.sendToNodes(new Uint8Array(1_500_000));
    assert.equal(report.sent, 1);
    assert.deepEqual(report.congested, [hub.peer(fine)]);
    assert.deepEqual(
      report.failed.map(({ connection, error }) => [connection.name, (error as { code?: string }).code]),
      [
        ['a', 'ERR_QUEUE_FULL'],
        ['b', 'ERR_MESSAGE_TOO_LARGE'],
      ],
    );
    assert.equal(hub.messageCountSend - sentBefore, 1, 'what failed is not counted');
    gate.resolve();
    await fine.message();
  });

  test('throws for data that no message can hold, and sends nothing', async (t) => {
    const { hub, leaves } = await startHub(t, 2);
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const data of [() => {}, cycle, undefined, { when: new Date() }, 10n ** 5_000n, Symbol('no')]) {
      assert.throws(() => hub.sendToNodes(data as Data), TypeError);
      assert.throws(() => hub.allNodes[0]!.send(data as Data), TypeError);
    }
    assert.equal(hub.messageCountSend, 0);
    hub.sendToNodes('after all that');
    for (const leaf of leaves) assert.equal(await leaf.message(), 'after all that');
  });

  test('to nobody sends nothing', async (t) => {
    const [lonely] = await startNodes(t, 1);
    assert.deepEqual(lonely.sendToNodes('hello?'), { sent: 0, congested: [], failed: [] });
  });
});

suite('sendToNode', () => {
  test('takes an id or a connection', async (t) => {
    const { a, b, connection } = await startPair(t);
    assert.equal(a.sendToNode(b.id, 'by id'), true);
    assert.equal(a.sendToNode(connection, 'by connection', { compression: 'zstd' }), true);
    await b.message(2);
    assert.deepEqual(b.messages, ['by id', 'by connection']);
  });

  test('refuses whom the node is not connected with', async (t) => {
    const { a, b, connection, reverse } = await startPair(t);
    const [stranger] = await startNodes(t, 1);
    const notConnected = withCode('ERR_NOT_CONNECTED');
    assert.throws(() => a.sendToNode(stranger.id, 'hello'), notConnected);
    assert.throws(() => a.sendToNode('nobody', 'hello'), notConnected);
    assert.throws(() => a.sendToNode(reverse, 'a connection of another node'), notConnected);
    await connection.stop();
    assert.throws(() => a.sendToNode(b.id, 'hello'), notConnected);
    assert.throws(() => a.sendToNode(connection, 'hello'), notConnected);
    assert.equal(a.messageCountSend, 0);
  });
});

test('sendToNode refuses what is neither a connection nor an id', async (t) => {
  const { a } = await startPair(t);
  for (const [target, text] of [
    [5, '5'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ id: a.id }, 'an object'],
  ]) {
    assert.throws(
      () => a.sendToNode(target as never, 'hello'),
      new TypeError(`target must be a NodeConnection of this node, or its id, not ${text}`),
    );
  }
});

suite('disconnectWithNode', () => {
  test('refuses what is no connection of this node', async (t) => {
    const { a, b, connection, reverse } = await startPair(t);
    for (const [given, text] of [
      [b.id, `'${b.id}'`],
      [undefined, 'undefined'],
      [{}, 'an object'],
      [reverse, 'a connection of another node'],
    ]) {
      await assert.rejects(
        a.disconnectWithNode(given as never),
        new TypeError(`connection must be a NodeConnection of this node, not ${text}`),
      );
    }
    assert.deepEqual([connection.isOpen, reverse.isOpen], [true, true]);
  });

  test('of a connection that has closed already does nothing', async (t) => {
    const { a, connection } = await startPair(t);
    await a.disconnectWithNode(connection);
    const names = [...a.names];
    await a.disconnectWithNode(connection);
    assert.deepEqual(a.names, names);
  });
});

suite('a closed connection', () => {
  test('takes nothing more, in either direction', async (t) => {
    const { b, connection, reverse } = await startPair(t);
    await connection.stop();
    await b.event('inbound_node_disconnected');
    const closed = withCode('ERR_CONNECTION_CLOSED');
    for (const side of [connection, reverse]) {
      assert.throws(() => side.send('hello'), closed);
      await assert.rejects(side.deliver('hello'), closed);
      await assert.rejects(side.request('hello'), closed);
      await assert.rejects(side.ping(), closed);
      await side.drained();
      await side.stop();
      assert.equal(side.isOpen, false);
    }
  });

  test('takes nothing more from the moment that it is told to close', async (t) => {
    const { a, b, connection } = await startPair(t);
    connection.send('before');
    const stopping = b.peer(a).stop();
    assert.throws(() => b.peer(a).send('after'), withCode('ERR_CONNECTION_CLOSED'));
    await stopping;
  });
});

suite('the counters', () => {
  test('agree on both sides', async (t) => {
    const { a, b, connection, reverse } = await startPair(t);
    b.on('node_request', () => 'answer');
    for (let index = 0; index < 10; index++) connection.send(index);
    for (let index = 0; index < 3; index++) await connection.deliver(index);
    for (let index = 0; index < 2; index++) await connection.request(index);
    await connection.ping();
    reverse.send('back');
    await a.message();
    const counts = ({ messageCountSend, messageCountRecv, messageCountRerr }: RecordingNode) => [
      messageCountSend,
      messageCountRecv,
      messageCountRerr,
    ];
    assert.deepEqual(
      [counts(a), counts(b)],
      [
        [15, 1, 0],
        [1, 15, 0],
      ],
    );
  });

  test('leave out what was not sent', async (t) => {
    const { a, connection } = await startPair(t);
    const tooLarge = new Uint8Array(16 * 1024 * 1024 + 1);
    const options = { signal: AbortSignal.abort() };
    assert.throws(() => connection.send(tooLarge));
    await assert.rejects(connection.deliver(tooLarge));
    await assert.rejects(connection.request(tooLarge));
    await assert.rejects(connection.deliver('aborted', options));
    await assert.rejects(connection.request('aborted', options));
    await connection.stop();
    assert.throws(() => connection.send('too late'));
    await assert.rejects(connection.deliver('too late'));
    await assert.rejects(connection.request('too late'));
    assert.equal(a.messageCountSend, 0);
  });
});

test('a compression that is not one is refused at once', async (t) => {
  const { connection } = await startPair(t);
  assert.throws(
    () => connection.send('hello', { compression: 'gzip' as never }),
    (error) =>
      error instanceof TypeError &&
      /compression must be one of none, zlib, .* not 'gzip'/.test(error.message),
  );
});

test('options of a message that are not known, or none, are refused at once', async (t) => {
  const { a, connection } = await startPair(t);
  const wrong: [unknown, string][] = [
    [
      { compresion: 'zlib' },
      "compresion is not an option; did you mean 'compression'? The options are compression, verbatim",
    ],
    ['zlib', "options must be an object, not 'zlib'"],
    [5, 'options must be an object, not 5'],
    [null, 'options must be an object, not null'],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => connection.send('hello', options as object), new TypeError(message));
    assert.throws(() => a.sendToNode(connection, 'hello', options as object), new TypeError(message));
  }
  assert.equal(a.messageCountSend, 0);
});

test('connections with several transports: the first is for addresses without a scheme', async (t) => {
  const options = { transports: [tcp({ accept: ['tls', 'plain'] })] };
  const [a] = await startNodes(t, 1, {
    options: () => ({ transports: [tcp({ accept: ['tls', 'plain'] })] }),
  });
  const [b] = await startNodes(t, 1, { options });
  const secure = await a.connectWithNode(`${b.host}:${b.port}`);
  assert.deepEqual(secure.security, { protocol: 'tls', encrypted: true, authenticated: true });
  await secure.stop();
  const plain = await a.connectWithNode(`tcp://${b.host}:${b.port}`);
  assert.deepEqual(plain.security, { protocol: 'tcp', encrypted: false, authenticated: true });
  const message: SendOptions = { compression: 'zlib' };
  plain.send('readable by anybody', message);
  await b.message();
  await assert.rejects(
    a.connectWithNode(`memory://${b.host}:${b.port}`),
    withCode('ERR_ADDRESS_INVALID', /no transport of this node dials memory/),
  );
  assert.equal((plain as NodeConnection).isOpen, true);
});
