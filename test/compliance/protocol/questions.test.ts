import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { z } from 'zod';
import { defineMessage, type NodeOptions } from '../../../src/index.ts';
import { connectPlain, eventOf, startNode } from './second-links.ts';
import { frame, kinds, textMessage, uint32 } from './second-peer.ts';

const text = { format: 2 };

/** A frame with a number, and a payload of text. */
function numbered(kind: number, number: number, payload = ''): Buffer {
  return frame(kind, Buffer.concat([uint32(number), Buffer.from(payload)]), payload === '' ? {} : text);
}

suite('protocol 6: questions and answers', () => {
  test('6.1 a delivery is confirmed once the handlers have run', async (t) => {
    const { node, peer } = await pair(t);
    const handled = Promise.withResolvers<void>();
    node.on('node_message', () => handled.promise);
    peer.write(numbered(kinds.deliver, 7, 'parcel'));
    await peer.synced();
    handled.resolve();
    assert.deepEqual((await peer.expect(kinds.delivered)).body, uint32(7));
  });

  test('6.1, 6.3 a delivery whose handler fails', async (t) => {
    const { node, peer } = await pair(t);
    node.on('node_error', () => {});
    node.on('node_message', () => Promise.reject(new Error('no')));
    peer.write(numbered(kinds.deliver, 7, 'parcel'));
    const { format, body } = await peer.expect(kinds.failure);
    assert.deepEqual([format, body.readUInt32BE(0)], [2, 7]);
    assert.match(body.subarray(4).toString(), /handler .* failed/);
  });

  test('6.1, 6.3 a delivery that nobody handles', async (t) => {
    const { peer } = await pair(t);
    peer.write(numbered(kinds.deliver, 7, 'parcel'));
    const { body } = await peer.expect(kinds.failure);
    assert.match(body.subarray(4).toString(), /no handler/);
  });

  test('6.1, 6.3 an answer to our own', async (t) => {
    const { connection, peer } = await pair(t);
    const first = connection.deliver('parcel');
    const { format, body } = await peer.expect(kinds.deliver);
    assert.deepEqual([format, body.subarray(4).toString()], [2, 'parcel']);
    peer.write(numbered(kinds.delivered, body.readUInt32BE(0)));
    await first;
    const second = assert.rejects(connection.deliver('x'), { code: 'ERR_HANDLER', message: 'broken' });
    peer.write(numbered(kinds.failure, (await peer.expect(kinds.deliver)).body.readUInt32BE(0), 'broken'));
    await second;
  });

  test('6.3 a failure with a code', async (t) => {
    const { node, connection, peer } = await pair(t);
    node.handle(defineMessage('line', z.string()), () => {});
    const asJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
    const json = { format: 1 };
    peer.write(frame(kinds.deliver, Buffer.concat([uint32(7), asJson({ kind: 'line', data: 5 })]), json));
    const { format, body } = await peer.expect(kinds.failure);
    assert.deepEqual([format, body.readUInt32BE(0)], [json.format, 7]);
    const failure = JSON.parse(body.subarray(4).toString());
    assert.deepEqual([failure.code, typeof failure.message], ['ERR_SCHEMA', 'string']);

    for (const [code, expected] of [
      ['ERR_SCHEMA', 'ERR_SCHEMA'],
      ['ERR_QUEUE_FULL', 'ERR_HANDLER'],
      [7, 'ERR_HANDLER'],
    ] as const) {
      const failing = assert.rejects(connection.deliver('x'), { code: expected, message: 'why' });
      const { body } = await peer.expect(kinds.deliver);
      const reason = asJson({ code, message: 'why' });
      peer.write(frame(kinds.failure, Buffer.concat([body.subarray(0, 4), reason]), json));
      await failing;
    }
  });

  test('6.2 requests may be answered in any order', async (t) => {
    const { node, peer } = await pair(t);
    const slow = Promise.withResolvers<string>();
    node.on('node_request', (_peer, data) => (data === 'slow' ? slow.promise : 'soon'));
    peer.write(numbered(kinds.request, 1, 'slow'), numbered(kinds.request, 2, 'quick'));
    assert.equal((await peer.expect(kinds.response)).body.toString(), '\0\0\0\x02soon');
    slow.resolve('late');
    assert.equal((await peer.expect(kinds.response)).body.toString(), '\0\0\0\x01late');
  });

  test('6.2, 6.3 a request that nobody answers, and one that cannot be decoded', async (t) => {
    const { node, peer } = await pair(t);
    node.on('node_message_rejected', () => {});
    peer.write(numbered(kinds.request, 1, 'anyone?'));
    assert.equal((await peer.expect(kinds.failure)).body.readUInt32BE(0), 1);
    for (const kind of [kinds.request, kinds.deliver]) {
      peer.write(frame(kind, Buffer.concat([uint32(2), Buffer.of(0xff)]), text));
      const { format, body } = await peer.expect(kinds.failure);
      assert.deepEqual([format, body.readUInt32BE(0)], [2, 2]);
    }
  });

  test('6.4 open questions have different numbers, and answers find theirs', async (t) => {
    const { connection, peer } = await pair(t);
    const answers = ['a', 'b', 'c'].map((question) => connection.request(question));
    const asked = [];
    for (const _ of answers) asked.push(await peer.expect(kinds.request));
    const numbers = asked.map(({ body }) => body.readUInt32BE(0));
    assert.equal(new Set(numbers).size, 3);
    for (const { body } of asked.reverse()) {
      peer.write(numbered(kinds.response, body.readUInt32BE(0), `re ${body.subarray(4)}`));
    }
    assert.deepEqual(await Promise.all(answers), ['re a', 're b', 're c']);
  });

  test('6.5 answers that nobody waits for', async (t) => {
    const { peer } = await pair(t);
    for (const kind of [kinds.response, kinds.failure, kinds.delivered, kinds.pong]) {
      peer.write(numbered(kind, 99, 'x'));
    }
    await peer.synced();
  });

  test('6.6 a pong has the number of its ping, and overtakes what waits', async (t) => {
    const { connection, peer } = await pair(t);
    const sent = 24 * 2 ** 20;
    for (let index = 0; index < 24; index++) connection.send(new Uint8Array(2 ** 20));
    peer.write(frame(kinds.ping, uint32(0xfffffffe)));
    let before = 0;
    let next = await peer.next();
    for (; next.kind !== kinds.pong; next = await peer.next()) before += next.body.length;
    assert.deepEqual(next.body, uint32(0xfffffffe));
    assert.ok(before < sent, `${before} bytes came first`);
  });

  test('6.6 the round trip of our own ping', async (t) => {
    const { connection, peer } = await pair(t);
    const roundTrip = connection.ping();
    peer.write(frame(kinds.pong, (await peer.expect(kinds.ping)).body));
    assert.ok((await roundTrip) >= 0);
  });

  test('6.7 a silent side is pinged, then left', async (t) => {
    const { node, peer } = await pair(t, { limits: { pingAfterMs: 50, deadAfterMs: 1_000 } });
    const ended = eventOf(node, 'inbound_node_disconnected');
    await peer.expect(kinds.ping);
    const [connection] = await ended;
    assert.deepEqual([connection.closeReason?.code, connection.closeReason?.by], ['timeout', 'us']);
  });

  test('6.7 any byte is a sign of life', async (t) => {
    const { node, peer } = await pair(t, { limits: { pingAfterMs: 50, deadAfterMs: 1_000 } });
    const arrived = eventOf(node, 'node_message');
    const message = textMessage('x'.repeat(20));
    const begun = performance.now();
    for (const byte of message) {
      peer.socket.write(Buffer.of(byte));
      await peer.expect(kinds.ping);
    }
    await arrived;
    assert.ok(performance.now() - begun > 1_000, 'longer than a dead side lasts');
  });

  test('6.8 who does not read the pongs it asks for is left', async (t) => {
    const { node, peer } = await pair(t);
    const ended = eventOf(node, 'inbound_node_disconnected');
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => frame(kinds.ping, uint32(1))));
    const flood = setInterval(() => peer.socket.write(pings), 1);
    const [connection] = await ended;
    clearInterval(flood);
    assert.equal(connection.closeReason?.code, 'overload');
  });
});

suite('protocol 7: goodbye', () => {
  test('7.1, 7.2, 7.4 what came before is handed on, then the connection ends', async (t) => {
    const { node, peer } = await pair(t);
    const arrived = eventOf(node, 'node_message');
    const ended = eventOf(node, 'inbound_node_disconnected');
    const reason = { code: 'stopped', message: 'off to bed' };
    peer.write(textMessage('last words'), frame(kinds.goodbye, JSON.stringify(reason)), textMessage('more'));
    assert.equal((await arrived)[1], 'last words');
    node.on('node_message', () => assert.fail('a message behind the goodbye'));
    const [connection] = await ended;
    assert.deepEqual(connection.closeReason, { ...reason, by: 'them' });
    await peer.end();
  });

  test('7.2 a code that is not known', async (t) => {
    const { node, peer } = await pair(t);
    const ended = eventOf(node, 'inbound_node_disconnected');
    peer.write(frame(kinds.goodbye, JSON.stringify({ code: 'bored', message: 'so long' })));
    assert.deepEqual((await ended)[0].closeReason, { code: 'disconnected', message: 'so long', by: 'them' });
  });

  test('7.1 a message of 500 characters, and no more', async (t) => {
    const { node, peer } = await pair(t);
    const ended = eventOf(node, 'inbound_node_disconnected');
    peer.write(frame(kinds.goodbye, JSON.stringify({ code: 'stopped', message: 'x'.repeat(600) })));
    assert.equal((await ended)[0].closeReason?.message, 'x'.repeat(500));
  });

  test('7.1, 7.2, 7.3 the goodbye of a node that stops comes last', async (t) => {
    const { node, connection, peer } = await pair(t);
    peer.socket.allowHalfOpen = true; // it may still say something after the other side's end
    connection.send('before');
    const stopped = node.stop();
    assert.equal((await peer.expect(kinds.message)).body.toString(), 'before');
    const { code, message } = await peer.goodbye();
    assert.equal(code, 'stopped');
    assert.equal(typeof message, 'string');
    assert.equal(peer.socket.writable, true);
    peer.write(textMessage('too late'));
    peer.socket.end();
    await stopped;
    assert.equal(node.messageCountRecv, 0);
  });

  test('7.2 the goodbye of a node that disconnects', async (t) => {
    const { connection, peer } = await pair(t);
    const ended = connection.stop();
    assert.equal((await peer.goodbye()).code, 'disconnected');
    peer.socket.end();
    await ended;
  });

  test('7.5 a link that ends without a goodbye', async (t) => {
    const { node, peer } = await pair(t);
    const ended = eventOf(node, 'inbound_node_disconnected');
    await peer.close();
    const [connection] = await ended;
    assert.deepEqual([connection.closeReason?.code, connection.closeReason?.by], ['lost', 'link']);
  });
});

async function pair(t: TestContext, options: NodeOptions = {}) {
  const node = await startNode(t, options);
  const connected = eventOf(node, 'inbound_node_connected');
  const peer = await connectPlain(node);
  const [connection] = await connected;
  return { node, peer, connection };
}
