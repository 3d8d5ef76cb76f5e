// Section 12 of docs/protocol.md: the second implementation against a Python node.
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { frame, hello, kinds, type SecondPeer, uint32 } from '../../../compliance/protocol/second-peer.ts';
import { linkKinds, PythonNode } from './python-node.ts';

const bytes = { format: 3 };
const window = 2_000;

/** A message of lane 0 that costs 400. */
const message = frame(kinds.message, Buffer.alloc(144), bytes);
const numbered = (kind: number, number: number): Buffer =>
  frame(kind, Buffer.concat([uint32(number), Buffer.alloc(140)]), bytes);

function credit(lane: number, position: number): Buffer {
  const body = Buffer.alloc(9);
  body[0] = lane;
  body.writeBigUInt64BE(BigInt(position), 1);
  return frame(kinds.credit, body);
}

/** The lane and the position of the next credit. */
async function nextCredit(peer: SecondPeer): Promise<[number, number]> {
  const { body } = await peer.expect(kinds.credit);
  assert.equal(body.length, 9);
  return [body[0]!, Number(body.readBigUInt64BE(1))];
}

for (const { name: linkName, options, dial } of linkKinds) {
  suite(`windows between a Python node and the second implementation over ${linkName}`, () => {
    let node: PythonNode;
    let peer: SecondPeer;

    before(async () => {
      node = await PythonNode.start({ ...options, limits: { unhandled_max_bytes: window, max_requests: 2 } });
    });

    after(() => node.stop());

    async function connect(windows = { messages: 2 ** 22, requests: 2 ** 22, protocols: 2 ** 22 }) {
      node.clear();
      peer = await dial(node);
      const theirs = await peer.shakeHands({ windows });
      await node.said('connected');
      return theirs;
    }

    afterEach(async () => {
      await node.do('hold', { held: false });
      await peer.close();
    });

    test('12.1, 12.2, 12.5 each lane is extended by what is finished, without headers and with 256 added', async () => {
      await connect();
      peer.write(message, message, message);
      assert.deepEqual(await nextCredit(peer), [0, 3_200]);
      // A credit may come ahead of an answer.
      let extended: [number, number] | undefined;
      for (let number = 1; number <= 3; number++) peer.write(numbered(kinds.request, number));
      for (let answers = 0; answers < 3 || extended === undefined; ) {
        const { kind, body } = await peer.next();
        if (kind === kinds.credit) extended = [body[0]!, Number(body.readBigUInt64BE(1))];
        else answers += Number(kind === kinds.response);
      }
      assert.deepEqual(extended, [1, 3_200]);
      peer.write(numbered(kinds.deliver, 9));
      await peer.expect(kinds.delivered);
      peer.write(message, message);
      assert.deepEqual(await nextCredit(peer), [0, 4_400]);
    });

    test('12.2 the first windows are those of the hello', async () => {
      const { windows } = await connect();
      assert.deepEqual(windows, { messages: window, requests: window, protocols: window });
      for (const wrong of [
        undefined,
        null,
        [1, 1],
        { messages: 1 },
        { messages: 0, requests: 1, protocols: 1 },
      ]) {
        const other = await dial(node);
        other.write(hello({ windows: wrong }));
        assert.equal((await other.goodbye()).code, 'protocol');
      }
    });

    test('12.3 messages of the Python node keep to the window, and what is of no lane does not wait', async () => {
      await connect({ messages: 600, requests: 1, protocols: 1 });
      await node.do('send', { bytes: 144, count: 4 });
      const requests = [node.do('request', { bytes: 140 }), node.do('request', { bytes: 140 })];
      const arrived = [await peer.next(), await peer.next(), await peer.next()];
      const { message: ofMessages, request } = kinds;
      assert.deepEqual(arrived.map(({ kind }) => kind).sort(), [ofMessages, ofMessages, request]);
      const first = arrived.find(({ kind }) => kind === request)!;
      peer.write(numbered(kinds.request, 5));
      await peer.expect(kinds.response);
      await peer.synced();
      peer.write(credit(0, 801));
      await peer.expect(kinds.message);
      await peer.synced();
      peer.write(credit(1, 2_000));
      const second = await peer.expect(kinds.request);
      for (const { body } of [first, second])
        peer.write(frame(kinds.response, Buffer.concat([body.subarray(0, 4), Buffer.of(7)]), bytes));
      assert.deepEqual(await Promise.all(requests), [1, 1]);
      // A goodbye follows what was sent before it.
      const stopping = node.do('stop');
      await peer.synced();
      peer.write(credit(0, 2_000));
      await peer.expect(kinds.message);
      await peer.goodbye();
      await stopping;
    });

    test('12.3 a message may begin below the granted position, however long it is, and not at it', async () => {
      await connect();
      await node.do('hold', { held: true });
      peer.write(message, message, message, message, frame(kinds.message, Buffer.alloc(100_000), bytes));
      await peer.synced();
      peer.write(message);
      const { code, message: why } = await peer.goodbye();
      assert.equal(code, 'protocol');
      assert.match(why, /window/);
    });

    for (const [lane, kind] of [
      ['requests', kinds.request],
      ['deliveries', kinds.deliver],
    ] as const) {
      test(`12.3 the same for ${lane}`, async () => {
        await connect();
        await node.do('hold', { held: true });
        for (let number = 1; number <= 5; number++) peer.write(numbered(kind, number));
        await peer.synced();
        peer.write(numbered(kind, 6));
        assert.equal((await peer.goodbye()).code, 'protocol');
      });
    }

    test('12.4 a position that was passed says nothing', async () => {
      await connect({ messages: 400, requests: 1, protocols: 1 });
      await node.do('send', { bytes: 144, count: 3 });
      await peer.expect(kinds.message);
      peer.write(credit(0, 0), credit(0, 400), credit(0, 800), credit(0, 600));
      await peer.expect(kinds.message);
      await peer.synced();
      peer.write(credit(0, 801));
      await peer.expect(kinds.message);
    });

    test('12.4 a credit of another form is a breach', async () => {
      const good = Buffer.alloc(9);
      const wrong = [Buffer.alloc(0), good.subarray(1), Buffer.concat([good, good]), Buffer.alloc(9, 3)];
      for (const body of wrong) {
        await connect();
        peer.write(frame(kinds.credit, body));
        assert.equal((await peer.goodbye()).code, 'protocol');
      }
    });

    test('12.6 requests wait for no handler of messages, and so many are answered at once', async () => {
      await connect();
      await node.do('hold', { held: true });
      peer.write(message, message);
      await node.said('message');
      for (let number = 1; number <= 3; number++) peer.write(numbered(kinds.request, number));
      peer.write(
        frame(kinds.streamOpen, Buffer.concat([uint32(1), uint32(1_000), Buffer.from('x')]), { format: 2 }),
      );
      await node.said('stream');
      await peer.expect(kinds.streamCredit);
      assert.equal(await node.do('requests'), 2);
      await node.do('hold', { held: false });
      const answered = [];
      while (answered.length < 3) {
        const { kind, body } = await peer.next();
        if (kind === kinds.response) answered.push(body.readUInt32BE(0));
        else assert.equal(kind, kinds.credit);
      }
      assert.deepEqual(answered, [1, 2, 3]);
    });
  });
}
