// Section 9 of docs/protocol.md: the second implementation against a Python node.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, suite, test } from 'node:test';
import { newIdentity, type SecondIdentity } from '../../../compliance/protocol/second-identity.ts';
import {
  frame,
  kinds,
  type SecondPeer,
  textMessage,
  uint32,
} from '../../../compliance/protocol/second-peer.ts';
import { linkKinds, listenWebSocket, PythonNode, psk } from './python-node.ts';

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

async function aborted(peer: SecondPeer, number: number): Promise<{ code: string; message: string }> {
  const { body: content } = await peer.expect(kinds.streamAbort);
  assert.equal(content.readUInt32BE(0), number);
  return JSON.parse(content.subarray(4).toString());
}

for (const { name: linkName, options, dial } of linkKinds) {
  suite(`streams between a Python node and the second implementation over ${linkName}`, () => {
    let node: PythonNode;
    let peer: SecondPeer;

    before(async () => {
      node = await PythonNode.start(options);
    });

    after(() => node.stop());

    async function connect(identity?: SecondIdentity): Promise<void> {
      node.clear();
      peer = await dial(node, identity);
      await peer.shakeHands();
      await node.said('connected');
      await node.do('forget_streams');
    }

    afterEach(async () => {
      await peer.close();
    });

    /** A stream that the Python node opens, with so much credit. */
    async function opened(credits: number): Promise<{ stream: unknown; number: number }> {
      const opening = node.do('open');
      const number = (await peer.expect(kinds.streamOpen)).body.readUInt32BE(0);
      peer.write(credit(number, credits));
      return { stream: await opening, number };
    }

    test('9.1, 9.2, 9.3 a stream of the second peer', async () => {
      await connect();
      peer.write(open(1, 1_000));
      assert.equal(await node.said('stream'), 'about');
      assert.deepEqual((await peer.expect(kinds.streamCredit)).body, body(1, windowBytes));
      peer.write(data(1, 'one'), data(1, 'two'), end(1));
      assert.equal(await node.do('read', { stream: 0, bytes: -1 }), 'onetwo');
    });

    test('9.1, 9.2, 9.3 streams of the Python node', async () => {
      await connect();
      const opening = node.do('open', { header: { about: 1 } });
      const { format, body: start } = await peer.expect(kinds.streamOpen);
      assert.equal(format, 1);
      const number = start.readUInt32BE(0);
      assert.equal(number % 2, 0, 'even, of a listener');
      assert.equal(start.readUInt32BE(4), windowBytes);
      assert.equal(start.subarray(8).toString(), '{"about":1}');
      // Nothing goes out before the first credit.
      await peer.synced();
      peer.write(credit(number, 1_000));
      const stream = await opening;
      await node.do('write', { stream, text: 'hello' });
      await node.do('end', { stream });
      assert.deepEqual((await peer.expect(kinds.streamData)).body, body(number, 'hello'));
      assert.deepEqual((await peer.expect(kinds.streamEnd)).body, body(number));
      const next = await opened(100);
      assert.ok(next.number > number && next.number % 2 === 0);
    });

    test('9.3, 12.6 a stream waits for no handler of messages', async () => {
      await connect();
      await node.do('hold', { held: true });
      peer.write(textMessage('first'), open(1, 100));
      assert.equal(await node.said('stream'), 'about');
      await node.do('hold', { held: false });
    });

    test('9.3, 9.7 a header that cannot be decoded', async () => {
      await connect();
      const bad = Buffer.concat([body(1, 100), Buffer.of(0xff)]);
      peer.write(frame(kinds.streamOpen, bad, { format: 2 }));
      await node.said('rejected');
      assert.equal((await aborted(peer, 1)).code, 'aborted');
      await peer.synced();
    });

    test('9.4, 9.5 data uses up credit for its frames, and waits for more', async () => {
      await connect();
      const { stream, number } = await opened(100);
      const writing = node.do('write', { stream, text: 'x', times: 1_000 });
      assert.equal((await peer.expect(kinds.streamData)).body.length - 4, 100 - headerBytes);
      await peer.synced();
      peer.write(credit(number, 50));
      assert.equal((await peer.expect(kinds.streamData)).body.length - 4, 50 - headerBytes);
      peer.write(credit(number, 10_000));
      assert.equal((await peer.expect(kinds.streamData)).body.length - 4, 1_000 - 150 + 2 * headerBytes);
      await writing;
    });

    test('9.4 credit comes back when half of the window was read, at the latest', async () => {
      await connect();
      peer.write(open(1, 100));
      await node.said('stream');
      await peer.expect(kinds.streamCredit);
      const half = 'x'.repeat(windowBytes / 2 - headerBytes);
      peer.write(data(1, half));
      await peer.synced();
      assert.equal(await node.do('read', { stream: 0, bytes: half.length }), half);
      const { body: given } = await peer.expect(kinds.streamCredit);
      assert.deepEqual(given.subarray(0, 4), body(1));
      assert.ok(given.readUInt32BE(4) >= windowBytes / 2, 'as much as was read, or more');
    });

    test('9.6 one direction may end before the other', async () => {
      await connect();
      peer.write(open(1, 1_000));
      await node.said('stream');
      await peer.expect(kinds.streamCredit);
      peer.write(end(1));
      assert.equal(await node.do('read', { stream: 0, bytes: -1 }), '');
      await node.do('write', { stream: 0, text: 'still here' });
      assert.equal((await peer.expect(kinds.streamData)).body.subarray(4).toString(), 'still here');
    });

    for (const [code, error] of Object.entries({
      aborted: 'ERR_STREAM_ABORTED',
      limit: 'ERR_STREAM_LIMIT',
      handler: 'ERR_HANDLER',
      'of the future': 'ERR_STREAM_ABORTED',
    })) {
      test(`9.7 a stream that is refused: ${code}`, async () => {
        await connect();
        const refused = assert.rejects(node.do('open'), { code: error });
        const number = (await peer.expect(kinds.streamOpen)).body.readUInt32BE(0);
        peer.write(abort(number, code));
        await refused;
      });
    }

    test('9.7 an abort of the Python node, and of the second peer', async () => {
      await connect();
      const ours = await opened(100);
      await node.do('abort', { stream: ours.stream, message: 'changed my mind' });
      assert.deepEqual(await aborted(peer, ours.number), { code: 'aborted', message: 'changed my mind' });
      const theirs = await opened(100);
      const reading = node.do('read', { stream: theirs.stream, bytes: -1 });
      const writing = node.do('write', { stream: theirs.stream, text: 'x', times: 1_000 });
      await peer.expect(kinds.streamData);
      peer.write(abort(theirs.number, 'aborted'));
      await assert.rejects(reading, { code: 'ERR_STREAM_ABORTED' });
      await assert.rejects(writing, { code: 'ERR_STREAM_ABORTED' });
    });

    test('9.7, 9.8 openings that the Python node gives up, and then more streams', async () => {
      await connect();
      const openings = Array.from({ length: 257 }, async (_, index) => {
        const code = index < 256 ? 'ERR_TIMEOUT' : 'ERR_STREAM_LIMIT';
        await assert.rejects(node.do('open', { timeout: 0.5 }), { code });
      });
      await Promise.all(openings);
      const numbers: number[] = [];
      for (let index = 0; index < 256; index++)
        numbers.push((await peer.expect(kinds.streamOpen)).body.readUInt32BE(0));
      for (const number of numbers) assert.equal((await aborted(peer, number)).code, 'aborted');
      for (const number of numbers) peer.write(credit(number, 100), data(number, 'x'), end(number));
      const { stream, number } = await opened(1_000);
      await node.do('write', { stream, text: 'there is a place again' });
      assert.equal((await peer.expect(kinds.streamData)).body.readUInt32BE(0), number);
    });

    test('9.7 a stream whose handler fails', async () => {
      await connect();
      peer.write(open(1, 100, 'fail'));
      await peer.expect(kinds.streamCredit);
      assert.equal((await aborted(peer, 1)).code, 'handler');
    });

    test('9.8 frames about streams that are not there', async () => {
      await connect();
      peer.write(data(7, 'x'), credit(7, 1), end(7), abort(7, 'aborted'));
      await peer.synced();
    });

    test('9.9 more than 256 streams', async () => {
      await connect();
      for (let index = 0; index < 256; index++) peer.write(open(2 * index + 1, 100));
      peer.write(open(513, 100));
      let next = await peer.next();
      for (; next.kind === kinds.streamCredit; next = await peer.next());
      assert.deepEqual([next.kind, next.body.readUInt32BE(0)], [kinds.streamAbort, 513]);
      assert.equal(JSON.parse(next.body.subarray(4).toString()).code, 'limit');
    });

    test('9.9 refusals that are not read', async () => {
      await connect();
      let number = 1;
      const flood = setInterval(() => {
        if (peer.socket.writableLength > 2 ** 23) return;
        peer.socket.write(
          Buffer.concat(Array.from({ length: 5_000 }, () => open(number++ * 2 + 1, 100, ''))),
        );
      }, 1);
      const code = await node.said('disconnected');
      clearInterval(flood);
      assert.ok(code === 'protocol' || code === 'overload', `${code}`);
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
      '9.7 an abort without its JSON': [frame(kinds.streamAbort, body(1, 'enough'))],
      '3.6 data without a number': [frame(kinds.streamData, 'abc')],
    };
    for (const [name, [opening, ...frames]] of Object.entries(breaches)) {
      test(`${name} is a breach`, async () => {
        await connect();
        peer.write(opening!);
        if (frames.length > 0) await peer.expect(kinds.streamCredit);
        peer.write(...frames);
        assert.equal((await peer.goodbye()).code, 'protocol');
      });
    }

    test('9.2, 9.5 data before the stream is open is a breach', async () => {
      await connect();
      const refused = assert.rejects(node.do('open'));
      const number = (await peer.expect(kinds.streamOpen)).body.readUInt32BE(0);
      peer.write(data(number, 'x'));
      assert.equal((await peer.goodbye()).code, 'protocol');
      await refused;
    });

    /** The opening of a state of one tensor, and the manifest and elements. */
    function state(fields: Record<string, unknown> = {}, elements = 2) {
      const manifest = Buffer.from(JSON.stringify([['w', 'int32', [elements]]]));
      const content = Buffer.concat([manifest, Buffer.alloc(4 * elements, 1)]);
      const sha256 = createHash('sha256').update(content).digest('hex');
      const sizes = { bytes: 4 * elements, manifestBytes: manifest.length, tensors: 1 };
      const about = { peerloom: 'state/1', sha256, ...sizes, ...fields };
      const start = (number: number) =>
        frame(kinds.streamOpen, body(number, 100_000, JSON.stringify(about)), { format: 1 });
      return { content, start };
    }
    const piece = (number: number, bytes: Buffer) =>
      frame(kinds.streamData, Buffer.concat([uint32(number), bytes]));

    /** Opens the stream of a state. @returns the answer. */
    async function offered(number: number, start: (number: number) => Buffer): Promise<Buffer> {
      peer.write(start(number));
      await peer.expect(kinds.streamCredit);
      return (await peer.expect(kinds.streamData)).body.subarray(4);
    }

    test('9.10 to 9.13 a state arrives, and the Python node ends its half when its handler has run', async () => {
      await connect();
      const { content, start } = state();
      assert.deepEqual(await offered(1, start), Buffer.alloc(9), 'from the beginning');
      peer.write(piece(1, content.subarray(0, 5)), piece(1, content.subarray(5)), end(1));
      assert.deepEqual((await peer.expect(kinds.streamEnd)).body, body(1));
      assert.deepEqual(await node.said('state'), { w: [0x01010101, 0x01010101] });
    });

    test('9.12 a state that the user does not want is refused by a byte and a sentence', async () => {
      await connect();
      const answer = await offered(1, state({ info: 'refuse' }).start);
      assert.equal(answer[0], 1);
      assert.match(answer.subarray(1).toString(), /\w+ \w+/);
      assert.deepEqual((await peer.expect(kinds.streamEnd)).body, body(1));
      peer.write(end(1));
      await peer.synced();
    });

    test('9.12 a transfer that was cut is resumed', async () => {
      const identity = newIdentity();
      await connect(identity);
      const { content, start } = state({}, 40_000);
      await offered(1, start);
      peer.write(piece(1, content.subarray(0, 100_000)));
      // It has read them.
      await peer.expect(kinds.streamCredit);
      await peer.close();
      await node.said('disconnected');
      await connect(identity);
      const answer = await offered(1, start);
      const position = Number(answer.readBigUInt64BE(1));
      assert.ok(answer[0] === 0 && position > 0 && position <= 100_000, `${position}`);
      peer.write(piece(1, content.subarray(position)), end(1));
      assert.deepEqual(await node.said('state'), { w: [0x01010101, 0x01010101] });
    });

    test('9.13 another hash, another manifest and a handler that fails abort the stream', async () => {
      await connect();
      const wrong = { hash: { sha256: '00'.repeat(32) }, size: { bytes: 12 }, handler: { info: 'fail' } };
      let number = 1;
      for (const [what, fields] of Object.entries(wrong)) {
        const { content, start } = state(fields);
        await offered(number, start);
        peer.write(piece(number, content), end(number));
        let next = await peer.next();
        for (; next.kind === kinds.streamCredit; next = await peer.next());
        assert.equal(next.kind, kinds.streamAbort, what);
        const { code } = JSON.parse(next.body.subarray(4).toString());
        assert.equal(code, what === 'handler' ? 'handler' : 'aborted', what);
        number += 2;
      }
    });

    test('9.10 headers of states that are wrong are refused or aborted', async () => {
      await connect();
      let number = 1;
      for (const wrong of [{ sha256: 'AB' }, { bytes: -1 }, { manifestBytes: 2 ** 40 }, { tensors: 'one' }]) {
        peer.write(state(wrong).start(number));
        await peer.expect(kinds.streamCredit);
        const { kind, body: answer } = await peer.next();
        assert.ok(kind === kinds.streamAbort || (kind === kinds.streamData && answer[4] === 1));
        if (kind === kinds.streamData) await peer.expect(kinds.streamEnd);
        number += 2;
      }
      await peer.synced();
    });
  });
}

for (const options of [{}, { psk }]) {
  const name = options.psk === undefined ? 'WebSocket' : 'WebSocket with a network key';
  test(`9.1 a Python node that dials over ${name} has odd numbers, which grow`, async (t) => {
    const network = options.psk === undefined ? linkKinds[1] : linkKinds[2];
    const node = await PythonNode.start(network!.options);
    t.after(() => node.stop());
    const { address, accepted } = await listenWebSocket(t, options);
    const connecting = node.do('connect', { address });
    const peer = await accepted;
    t.after(() => peer.close());
    await peer.answerHandshake();
    await connecting;
    const numbers: number[] = [];
    for (let index = 0; index < 3; index++) {
      const opening = node.do('open');
      numbers.push((await peer.expect(kinds.streamOpen)).body.readUInt32BE(0));
      peer.write(credit(numbers.at(-1)!, 1_000));
      const stream = await opening;
      await node.do('write', { stream, text: 'hello' });
      assert.deepEqual((await peer.expect(kinds.streamData)).body, body(numbers.at(-1)!, 'hello'));
    }
    assert.ok(numbers.every((number, index) => number % 2 === 1 && number > (numbers[index - 1] ?? 0)));
    peer.write(open(2, 1_000, 'echo'));
    await peer.expect(kinds.streamCredit);
    peer.write(data(2, ''));
    assert.equal((await peer.goodbye()).code, 'protocol');
  });
}
