import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type Data,
  memory,
  Node,
  type NodeConnection,
  type NodeOptions,
  type PeerStream,
} from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { HandMadePeer } from '../support/hand-made-peer.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { samples } from '../support/samples.ts';
import { startPair, startVirtualNodes } from '../support/start-nodes.ts';
import { startStream } from '../support/start-stream.ts';
import { turns, until, within } from '../support/turns.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** So many different bytes. */
function pattern(length: number): Buffer<ArrayBuffer> {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) % 256));
}

async function readAll(stream: PeerStream): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const bytes of stream) pieces.push(bytes);
  return Buffer.concat(pieces);
}

async function writeAll(stream: PeerStream, bytes: Uint8Array, pieceBytes = 50_000): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (!stream.write(bytes.subarray(at, at + pieceBytes))) await stream.drained();
  }
}

for (const engine of engines) {
  suite(`over ${engine.name}, streams`, () => {
    test('carry bytes in both directions, while messages and other streams go on', async (t) => {
      const { a, b, connection, reverse } = await startPair(t, { engine });
      const content = pattern(3 * mebibyte);
      const echo = async (_peer: NodeConnection, stream: PeerStream): Promise<void> => {
        for await (const bytes of stream) if (!stream.write(bytes)) await stream.drained();
        stream.end();
      };
      a.on('node_stream', echo);
      b.on('node_stream', echo);
      const exchanges = [connection, reverse, connection, reverse].map(async (side) => {
        const stream = await side.openStream();
        void writeAll(stream, content).then(() => stream.end());
        assert.equal(Buffer.compare(await readAll(stream), content), 0);
        await stream.closed;
      });
      const messages = Array.from({ length: 50 }, (_, index) => connection.deliver(index));
      await within(Promise.all([...exchanges, ...messages]), 'everything arrives');
      assert.deepEqual(b.messages, [...messages.keys()]);
    });

    test('that nobody reads hold up neither messages nor the other streams', async (t) => {
      const { b, connection, stream: stuck, theirs: unread } = await startStream(t, { engine });
      let isDrained = true;
      for (let pieces = 0; isDrained && pieces < 1_000; pieces++) {
        if (stuck.write(new Uint8Array(64 * kibibyte))) continue;
        isDrained = await Promise.race([stuck.drained().then(() => true), turns(200).then(() => false)]);
      }
      assert.equal(isDrained, false, 'the writer is held back');
      await within(connection.deliver('a message'), 'a message goes through');
      assert.ok((await within(connection.ping(), 'a ping goes through')) >= 0);
      const stream = await connection.openStream();
      const content = pattern(2 * mebibyte);
      const { data: other } = await b.event('node_stream', 2);
      const received = readAll(other as PeerStream);
      await within(writeAll(stream, content), 'another stream goes through');
      stream.end();
      assert.equal(Buffer.compare(await received, content), 0);
      assert.ok((await unread.read())!.length > 0);
    });

    test('share the link fairly, with each other and with messages', async (t) => {
      const count = 32;
      const { b, connection } = await startPair(t, { engine });
      const received = Array.from({ length: count }, () => 0);
      let messageBytes = 0;
      b.on('node_stream', async (_peer, stream, header) => {
        for await (const bytes of stream) received[header as number]! += bytes.length;
      });
      b.on('node_message', (_peer, data) => {
        messageBytes += (data as Uint8Array).length;
      });
      const streams = await Promise.all(Array.from({ length: count }, (_, n) => connection.openStream(n)));
      const piece = pattern(100_000);
      const keepSending = (way: { drained(): Promise<void> }, send: () => boolean): void => {
        const sending = async (): Promise<never> => {
          for (;;) if (!send()) await way.drained();
        };
        void assert.rejects(sending, withCode('ERR_CONNECTION_CLOSED')); // by the end of the test
      };
      for (const stream of streams) keepSending(stream, () => stream.write(piece));
      keepSending(connection, () => connection.send(piece));

      // What counts is what arrives once all of them are under way.
      const total = (): number => received.reduce((sum, bytes) => sum + bytes, 0);
      await until(() => Math.min(...received) > mebibyte, 'all streams are under way');
      const before = { received: received.slice(), total: total(), messageBytes };
      const enough = 2 * mebibyte * count;
      await until(() => total() - before.total > enough, 'the streams go on');
      const mean = (total() - before.total) / count;
      const shares = received.map((bytes, index) => (bytes - before.received[index]!) / mean);
      assert.ok(Math.min(...shares) > 0.8 && Math.max(...shares) < 1.2, `of the mean: ${shares.join()}`);
      const ofMessages = (messageBytes - before.messageBytes) / (total() - before.total);
      assert.ok(ofMessages > 0.1, `messages get ${ofMessages} of what 32 streams get`);
    });

    test('end for both sides when the connection does, behind what has arrived', async (t) => {
      const { a, b, connection, stream, theirs } = await startStream(t, { engine });
      stream.write(Buffer.from('half a'));
      await connection.deliver('synchronised');
      await until(() => b.messages.length === 1, 'the data has arrived with the message behind it');
      const closed = withCode('ERR_CONNECTION_CLOSED');
      const ends = [stream.closed, theirs.closed, stream.read()].map((end) => assert.rejects(end, closed));
      await a.stop();
      await within(Promise.all(ends), 'both sides are told');
      await assert.rejects(readAll(theirs), closed);
      assert.throws(() => theirs.write(new Uint8Array(1)), closed);
      await assert.rejects(connection.openStream(), closed);
    });
  });
}

suite('node_stream', () => {
  test('comes with the header, whatever data that is, behind the messages sent before', async (t) => {
    const { b, connection, reverse } = await startPair(t);
    const headers: Data[] = [];
    b.on('node_stream', (peer, stream, header) => {
      assert.equal(peer, reverse);
      assert.equal(stream.connection, reverse);
      assert.equal(stream.header, header);
      headers.push(header);
    });
    const all = Object.values(samples);
    for (const header of all) {
      const stream = await connection.openStream(header);
      assert.deepEqual([stream.connection, stream.header], [connection, header]);
    }
    assert.deepStrictEqual(headers, all);
    connection.send('before');
    await connection.openStream('after');
    assert.deepEqual(b.names.slice(-2), ['node_message', 'node_stream']);
    assert.equal((await connection.openStream()).header, null);
  });

  test('is told in all three styles, and the next stream does not wait for the handlers of this one', async (t) => {
    const told: string[] = [];
    class StreamingNode extends RecordingNode {
      override nodeStream(_peer: NodeConnection, stream: PeerStream, header: Data): Promise<void> {
        told.push(`method ${stream.header} ${header}`);
        return new Promise(() => {});
      }
    }
    const callback: NodeOptions['callback'] = (event, _node, _peer, data) => {
      if (event === 'node_stream') told.push(`callback ${(data as PeerStream).header}`);
    };
    const { b, connection } = await startPair(t, { kind: StreamingNode, options: { callback } });
    b.on('node_stream', (_peer, _stream, header) => told.push(`listener ${header}`));
    await connection.openStream(1);
    await connection.openStream(2);
    const expected = [1, 2].flatMap((n) => [`method ${n} ${n}`, `callback ${n}`, `listener ${n}`]);
    assert.deepEqual(told, expected);
    await connection.deliver('messages do not wait either');
  });

  test('that nobody handles refuses the stream, and says so', async (t) => {
    const deaf = new Node('deaf', 0, { transports: [memory()] });
    const node = new Node('node', 0, { transports: [memory()] });
    t.after(() => Promise.all([deaf.stop(), node.stop()]));
    await Promise.all([deaf.start(), node.start()]);
    const connection = await node.connectWithNode('deaf', deaf.port);
    await assert.rejects(connection.openStream(), withCode('ERR_HANDLER', /no handler for streams/));
    const listener = (): void => {};
    deaf.on('node_stream', listener);
    await connection.openStream();
    deaf.off('node_stream', listener);
    await assert.rejects(connection.openStream(), withCode('ERR_HANDLER'));
    deaf.nodeStream = () => {};
    await connection.openStream();
  });

  test('whose handler fails aborts the stream without telling why, and node_error tells this side', async (t) => {
    const { b, connection } = await startPair(t);
    const error = new Error('a secret of this side');
    const gate = Promise.withResolvers<void>();
    b.on('node_stream', async (_peer, _stream, header) => {
      if (header === 'later') await gate.promise;
      throw error;
    });
    const stream = await connection.openStream('later');
    gate.resolve();
    await assert.rejects(stream.read(), withCode('ERR_HANDLER', /^a handler of the other side failed$/));
    const { data } = await b.event('node_error');
    assert.deepEqual(data, { error, event: 'node_stream' });
    await connection.openStream('at once').catch(() => {});
    await b.event('node_error', 2);
  });

  test('whose handler is cut short by the other side has not failed', async (t) => {
    const { a, b, connection } = await startPair(t);
    const endings: Promise<unknown>[] = [];
    b.on('node_stream', (_peer, stream) => {
      const reading = readAll(stream);
      endings.push(reading.catch(({ code }) => code));
      return reading;
    });
    (await connection.openStream()).abort('changed my mind');
    await connection.openStream();
    await a.stop();
    await b.event('inbound_node_disconnected');
    assert.deepEqual(await Promise.all(endings), ['ERR_STREAM_ABORTED', 'ERR_CONNECTION_CLOSED']);
    await turns();
    assert.equal(b.of('node_error').length, 0);
  });
});

suite('PeerStream', () => {
  test('half-closes in either order, and is closed when both sides have read to the end', async (t) => {
    const { stream, theirs } = await startStream(t);
    theirs.end();
    assert.equal(await stream.read(), undefined);
    stream.write(Buffer.from('still open'));
    stream.end();
    assert.equal((await readAll(theirs)).toString(), 'still open');
    await within(Promise.all([stream.closed, theirs.closed]), 'both are closed');
    assert.throws(() => stream.write(new Uint8Array(1)), withCode('ERR_STREAM_ENDED'));
    stream.abort('too late to matter');
    await stream.closed;
  });

  test('takes its place until the side that only reads has ended it too', async (t) => {
    const { b, connection } = await startPair(t, { engine: engines[0]! });
    const read: PeerStream[] = [];
    b.on('node_stream', async (_peer, stream) => {
      await readAll(stream);
      read.push(stream);
    });
    for (let count = 0; count < 256; count++) (await connection.openStream()).end();
    await until(() => read.length === 256, 'all are read to the end');
    await assert.rejects(
      connection.openStream(),
      withCode('ERR_STREAM_LIMIT', /until both sides have ended/),
    );
    read[0]!.end();
    await connection.deliver('which comes behind the end');
    await connection.openStream();
  });

  test('is not closed while something is left to read', async (t) => {
    const { stream, theirs } = await startStream(t);
    stream.write(Buffer.from('unread'));
    stream.end();
    theirs.end();
    let isClosed = false;
    const closed = theirs.closed.then(() => {
      isClosed = true;
    });
    await within(stream.closed, 'the side that has read everything is done');
    await turns();
    assert.equal(isClosed, false);
    await readAll(theirs);
    await closed;
  });

  test('abort gives both directions up on both sides, with its reason', async (t) => {
    const { stream, theirs } = await startStream(t);
    const reason = new Error('the disk is full');
    const reading = assert.rejects(theirs.read(), withCode('ERR_STREAM_ABORTED', /^the disk is full$/));
    stream.abort(reason);
    await reading;
    const aborted = withCode('ERR_STREAM_ABORTED', /^the disk is full$/);
    await assert.rejects(stream.closed, (error: Error) => aborted(error) && error.cause === reason);
    await assert.rejects(theirs.closed, (error: Error) => aborted(error) && error.cause === undefined);
    assert.throws(() => theirs.write(new Uint8Array(1)), aborted);
    await assert.rejects(stream.read(), aborted);
  });

  test('is aborted with any reason, whatever that is', async (t) => {
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    const reasons: [unknown, RegExp][] = [
      [Object.create(null), /^an object$/],
      [null, /^null$/],
      [Symbol('s'), /^Symbol\(s\)$/],
      [5, /^5$/],
      [{ message: 'like an error' }, /^like an error$/],
      [revoked, /^an object that throws/],
      [undefined, /^the stream was aborted$/],
    ];
    for (const [reason, message] of reasons) {
      const { stream, theirs } = await startStream(t);
      stream.abort(reason);
      const aborted = withCode('ERR_STREAM_ABORTED', message);
      // Only an object may be the cause: of text, the message says everything.
      const cause = typeof reason === 'object' && reason !== null ? reason : undefined;
      await assert.rejects(stream.closed, (error: Error) => aborted(error) && error.cause === cause);
      await assert.rejects(theirs.closed, (error: Error) => aborted(error) && error.cause === undefined);
    }
  });

  test('abort tells people only what they can see', async (t) => {
    const { stream, theirs } = await startStream(t);
    stream.abort(`\u001b[2J${'x'.repeat(1_000)}`);
    await assert.rejects(theirs.closed, withCode('ERR_STREAM_ABORTED', /^\[2Jx{400,500}$/));
  });

  test('that is left in the middle of reading is aborted; read() leaves it be', async (t) => {
    const { stream, theirs } = await startStream(t);
    stream.write(Buffer.from('first'));
    assert.equal(Buffer.from((await theirs.read())!).toString(), 'first');
    stream.write(Buffer.from('second'));
    for await (const bytes of theirs) {
      assert.equal(Buffer.from(bytes).toString(), 'second');
      break;
    }
    await assert.rejects(stream.closed, withCode('ERR_STREAM_ABORTED', /reading was stopped/));
  });

  test('takes bytes and nothing else', async (t) => {
    const { stream } = await startStream(t);
    for (const wrong of ['text', null, [1], new Float32Array(1), new ArrayBuffer(1)]) {
      assert.throws(
        () => stream.write(wrong as never),
        (error: Error) => {
          return error instanceof TypeError && /bytes must be a Uint8Array/.test(error.message);
        },
      );
    }
  });

  test('opening can be aborted and ends in time', async (t) => {
    const { nodes, runtime, engine } = await startVirtualNodes(t, 1);
    const [node] = nodes;
    // It takes no stream.
    await runtime.settle(HandMadePeer.dial(t, node, { engine, runtime }));
    await runtime.advance(0);
    const connection = node.allNodes[0]!;
    const controller = new AbortController();
    const aborted = assert.rejects(
      connection.openStream(1, { signal: controller.signal }),
      withCode('ERR_ABORTED'),
    );
    const late = assert.rejects(connection.openStream(2), withCode('ERR_TIMEOUT', /30000 ms/));
    controller.abort();
    await aborted;
    await runtime.advance(30_000);
    await late;
    await assert.rejects(connection.openStream(3, { timeoutMs: 0 }), RangeError);
  });
});
