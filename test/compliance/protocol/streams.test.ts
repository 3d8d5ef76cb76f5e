import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { NodeConnection, PeerStream } from '../../../src/index.ts';
import { connectPlain, eventOf, listenPlain, startNode } from './second-links.ts';
import { frame, kinds, type SecondPeer, textMessage, uint32 } from './second-peer.ts';

const windowBytes = 262_144;
const headerBytes = 12;

const body = (...parts: (number | string)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? uint32(part) : Buffer.from(part))));
const open = (number: number, window: number, header = 'about') =>
  frame(kinds.streamOpen, body(number, window, header), { format: 2 });
const data = (number: number, bytes: string) => frame(kinds.streamData, body(number, bytes));
const credit = (number: number, amount: number) => frame(kinds.streamCredit, body(number, amount));
const end = (number: number) => frame(kinds.streamEnd, body(number));
const abort = (number: number, code: string) =>
  frame(kinds.streamAbort, body(number, JSON.stringify({ code, message: 'enough' })));

suite('protocol 9: streams', () => {
  test('9.1, 9.2, 9.3 a stream of theirs', async (t) => {
    const { node, peer } = await pair(t);
    const opened = eventOf(node, 'node_stream');
    peer.write(open(1, 1_000));
    const [, stream, header] = await opened;
    assert.equal(header, 'about');
    const first = await peer.expect(kinds.streamCredit);
    assert.deepEqual(first.body, body(1, windowBytes));
    peer.write(data(1, 'one'), data(1, 'two'), end(1));
    assert.equal(await textOf(stream), 'onetwo');
  });

  test('9.1, 9.2, 9.3 a stream of ours', async (t) => {
    const { connection, peer } = await pair(t);
    const opening = connection.openStream({ about: 1 });
    const { format, body: opened } = await peer.expect(kinds.streamOpen);
    assert.equal(format, 1);
    const number = opened.readUInt32BE(0);
    assert.equal(number % 2, 0, 'even, of a listener');
    assert.equal(opened.readUInt32BE(4), windowBytes);
    assert.equal(opened.subarray(8).toString(), '{"about":1}');
    peer.write(credit(number, 1_000));
    const stream = await opening;
    stream.write(Buffer.from('hello'));
    stream.end();
    assert.deepEqual((await peer.expect(kinds.streamData)).body, body(number, 'hello'));
    assert.deepEqual((await peer.expect(kinds.streamEnd)).body, body(number));
  });

  test('9.1 a dialler has odd numbers, which grow', async (t) => {
    const listener = await listenPlain(t);
    const node = await startNode(t);
    const connected = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`);
    const peer = await listener.accept();
    await peer.answerHandshake();
    const connection = await connected;
    const numbers: number[] = [];
    for (let index = 0; index < 3; index++) {
      const opening = connection.openStream();
      numbers.push((await peer.expect(kinds.streamOpen)).body.readUInt32BE(0));
      peer.write(credit(numbers.at(-1)!, 10));
      await opening;
    }
    assert.ok(numbers.every((number, index) => number % 2 === 1 && number > (numbers[index - 1] ?? 0)));
  });

  test('9.3 a stream has its place among the messages', async (t) => {
    const { node, peer } = await pair(t);
    const order: string[] = [];
    const last = Promise.withResolvers<void>();
    node.on('node_message', (_peer, text) => {
      order.push(String(text));
      if (text === 'last') last.resolve();
    });
    node.on('node_stream', () => order.push('stream'));
    peer.write(textMessage('first'), open(1, 100), textMessage('last'));
    await last.promise;
    assert.deepEqual(order, ['first', 'stream', 'last']);
  });

  test('9.3, 9.7 a header that cannot be decoded', async (t) => {
    const { node, peer } = await pair(t);
    node.on('node_stream', () => assert.fail('a stream'));
    const rejected = eventOf(node, 'node_message_rejected');
    peer.write(frame(kinds.streamOpen, Buffer.concat([body(1, 100), Buffer.of(0xff)]), { format: 2 }));
    await rejected;
    assert.equal((await aborted(peer, 1)).code, 'aborted');
  });

  test('9.4, 9.5 data uses up credit for its frames, and credit comes back', async (t) => {
    const { connection, peer } = await pair(t);
    const { stream, number } = await openStream(connection, peer, 100);
    stream.write(new Uint8Array(1_000));
    const first = await peer.expect(kinds.streamData);
    assert.equal(first.body.length - 4, 100 - headerBytes);
    await peer.synced();
    peer.write(credit(number, 50));
    assert.equal((await peer.expect(kinds.streamData)).body.length - 4, 50 - headerBytes);
  });

  test('9.4 credit comes back when half of the window was read, at the latest', async (t) => {
    const { node, peer } = await pair(t);
    const opened = eventOf(node, 'node_stream');
    peer.write(open(1, 100));
    const [, stream] = await opened;
    await peer.expect(kinds.streamCredit);
    const half = 'x'.repeat(windowBytes / 2 - headerBytes);
    peer.write(data(1, half));
    await peer.synced();
    for (let rest = half.length; rest > 0; ) rest -= (await stream.read())!.length;
    const { body: given } = await peer.expect(kinds.streamCredit);
    assert.deepEqual(given.subarray(0, 4), body(1));
    assert.ok(given.readUInt32BE(4) >= windowBytes / 2, 'as much as was read, or more');
  });

  test('9.6 one direction may end before the other', async (t) => {
    const { node, peer } = await pair(t);
    const opened = eventOf(node, 'node_stream');
    peer.write(open(1, 100));
    const [, stream] = await opened;
    await peer.expect(kinds.streamCredit);
    peer.write(end(1));
    assert.equal(await stream.read(), undefined);
    stream.write(Buffer.from('still here'));
    assert.equal((await peer.expect(kinds.streamData)).body.subarray(4).toString(), 'still here');
  });

  for (const [code, error] of Object.entries({
    aborted: 'ERR_STREAM_ABORTED',
    limit: 'ERR_STREAM_LIMIT',
    handler: 'ERR_HANDLER',
    'of the future': 'ERR_STREAM_ABORTED',
  })) {
    test(`9.7 a stream that is refused: ${code}`, async (t) => {
      const { connection, peer } = await pair(t);
      const refused = assert.rejects(connection.openStream(), { code: error, message: 'enough' });
      const number = (await peer.expect(kinds.streamOpen)).body.readUInt32BE(0);
      peer.write(abort(number, code));
      await refused;
    });
  }

  test('9.7 an abort of ours, and of theirs', async (t) => {
    const { connection, peer } = await pair(t);
    const ours = await openStream(connection, peer, 100);
    ours.stream.abort('changed my mind');
    assert.deepEqual(await aborted(peer, ours.number), { code: 'aborted', message: 'changed my mind' });
    const theirs = await openStream(connection, peer, 100);
    const failed = assert.rejects(theirs.stream.read(), { code: 'ERR_STREAM_ABORTED', message: 'enough' });
    peer.write(abort(theirs.number, 'aborted'));
    await failed;
  });

  test('9.7, 9.8 openings that we give up because the other side says nothing, more than it may have streams', async (t) => {
    const { connection, peer } = await pair(t);
    const openings = Array.from({ length: 257 }, async (_, index) => {
      const late = connection.openStream(index, { timeoutMs: 20 });
      await assert.rejects(late, { code: index < 256 ? 'ERR_TIMEOUT' : 'ERR_STREAM_LIMIT' });
    });
    await Promise.all(openings);
    const numbers: number[] = [];
    for (let index = 0; index < 256; index++) {
      numbers.push((await peer.expect(kinds.streamOpen)).body.readUInt32BE(0));
    }
    for (const number of numbers) assert.equal((await aborted(peer, number)).code, 'aborted');
    for (const number of numbers) peer.write(credit(number, 100), data(number, 'x'), end(number));
    const { stream, number } = await openStream(connection, peer, 1_000);
    stream.write(Buffer.from('there is a place again'));
    assert.equal((await peer.expect(kinds.streamData)).body.readUInt32BE(0), number);
  });

  test('9.7 a stream that nobody takes', async (t) => {
    const { peer } = await pair(t);
    peer.write(open(1, 100));
    assert.equal((await aborted(peer, 1)).code, 'handler');
  });

  test('9.8 frames about streams that are not there', async (t) => {
    const { peer } = await pair(t);
    peer.write(data(7, 'x'), credit(7, 1), end(7), abort(7, 'aborted'));
    await peer.synced();
  });

  test('9.9 more than 256 streams', async (t) => {
    const { node, peer } = await pair(t);
    node.on('node_stream', () => {});
    for (let index = 0; index < 256; index++) peer.write(open(2 * index + 1, 100));
    peer.write(open(513, 100));
    let next = await peer.next();
    for (; next.kind === kinds.streamCredit; next = await peer.next());
    assert.deepEqual([next.kind, next.body.readUInt32BE(0)], [kinds.streamAbort, 513]);
    assert.equal(JSON.parse(next.body.subarray(4).toString()).code, 'limit');
  });

  test('9.9 refusals that are not read', async (t) => {
    const { node, peer } = await pair(t);
    node.on('node_stream', () => {});
    const ended = eventOf(node, 'inbound_node_disconnected');
    let number = 1;
    const flood = setInterval(() => {
      const frames = Array.from({ length: 10_000 }, () => open(number++ * 2 + 1, 100, ''));
      peer.socket.write(Buffer.concat(frames));
    }, 1);
    const [connection] = await ended;
    clearInterval(flood);
    assert.equal(connection.closeReason?.code, 'protocol');
  });

  const breaches: Record<string, Buffer[]> = {
    '9.1 a number of the other side': [open(2, 100)],
    '9.1 a number that does not grow': [open(3, 100), open(3, 100)],
    '9.3 no window': [frame(kinds.streamOpen, body(1, ''))],
    '9.3 a window of 0': [open(1, 0)],
    '9.3 a window too large': [open(1, 2 ** 31)],
    '9.3 a header too long': [open(1, 100, 'x'.repeat(65_537))],
    '9.4 credit of 0': [open(1, 100), credit(1, 0)],
    '9.4 credit without an amount': [open(1, 100), frame(kinds.streamCredit, body(1))],
    '9.4 too much credit': [open(1, 2 ** 31 - 1), credit(1, 1)],
    '9.5 data of no length': [open(1, 100), data(1, '')],
    '9.5 data without credit': [open(1, 100), data(1, 'x'.repeat(windowBytes - headerBytes)), data(1, 'x')],
    '9.5 data behind the end': [open(1, 100), end(1), data(1, 'x')],
    '9.6 a second end': [open(1, 100), end(1), end(1)],
    '3.6 data without a number': [frame(kinds.streamData, 'abc')],
  };
  for (const [name, [opening, ...frames]] of Object.entries(breaches)) {
    test(`${name} is a breach`, async (t) => {
      const { node, peer } = await pair(t);
      node.on('node_stream', () => {});
      peer.write(opening!);
      if (frames.length > 0) await peer.expect(kinds.streamCredit);
      peer.write(...frames);
      assert.equal((await peer.goodbye()).code, 'protocol');
    });
  }

  test('9.2, 9.5 data before the stream is up is a breach', async (t) => {
    const { connection, peer } = await pair(t);
    const refused = assert.rejects(connection.openStream());
    const number = (await peer.expect(kinds.streamOpen)).body.readUInt32BE(0);
    peer.write(data(number, 'x'));
    assert.equal((await peer.goodbye()).code, 'protocol');
    await refused;
  });
});

async function pair(t: TestContext) {
  const node = await startNode(t);
  const connected = eventOf(node, 'inbound_node_connected');
  const peer = await connectPlain(node);
  const [connection] = await connected;
  return { node, peer, connection };
}

async function openStream(connection: NodeConnection, peer: SecondPeer, credits: number) {
  const opening = connection.openStream();
  const number = (await peer.expect(kinds.streamOpen)).body.readUInt32BE(0);
  peer.write(credit(number, credits));
  return { stream: await opening, number };
}

async function aborted(peer: SecondPeer, number: number): Promise<{ code: string; message: string }> {
  const { body: content } = await peer.expect(kinds.streamAbort);
  assert.equal(content.readUInt32BE(0), number);
  return JSON.parse(content.subarray(4).toString());
}

async function textOf(stream: PeerStream): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
