import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { NodeOptions } from '../../../src/index.ts';
import { connectPlain, dialPlain, eventOf, startNode } from './second-links.ts';
import { frame, hello, kinds, type SecondPeer, uint32 } from './second-peer.ts';

const bytes = { format: 3 };

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

suite('protocol 12: windows', () => {
  test('12.1, 12.2, 12.5 each lane is extended by what is done with, header left out and 256 added', async (t) => {
    const { node, peer } = await pair(t, { limits: { unhandledMaxBytes: 2_000 } });
    node.on('node_message', () => {});
    node.on('node_request', (_peer, data) => data);
    peer.write(message, message, message);
    assert.deepEqual(await nextCredit(peer), [0, 3_200]);
    for (let number = 1; number <= 3; number++) {
      peer.write(numbered(kinds.request, number));
      await peer.expect(kinds.response);
    }
    assert.deepEqual(await nextCredit(peer), [1, 3_200]);
    peer.write(numbered(kinds.deliver, 9));
    await peer.expect(kinds.delivered);
    peer.write(message, message);
    assert.deepEqual(await nextCredit(peer), [0, 4_400]);
  });

  test('12.2 the first windows are those of the hello', async (t) => {
    const node = await startNode(t, { limits: { unhandledMaxBytes: 12_345 } });
    const peer = await dialPlain(node);
    const { windows } = await peer.shakeHands();
    assert.deepEqual(windows, { messages: 12_345, requests: 12_345, protocols: 12_345 });
    for (const wrong of [
      undefined,
      null,
      [1, 1],
      { messages: 1 },
      { messages: 0, requests: 1, protocols: 1 },
    ]) {
      const other = await dialPlain(node);
      other.write(hello({ windows: wrong }));
      assert.equal((await other.goodbye()).code, 'protocol');
    }
  });

  test('12.3 our messages keep to the window, and what is of no lane waits for none', async (t) => {
    const { node, peer, connection } = await pair(t, {}, { messages: 600, requests: 1, protocols: 1 });
    for (let count = 0; count < 4; count++) connection.send(new Uint8Array(144));
    const requests = [1, 2].map(() => connection.request(new Uint8Array(140)));
    for (let count = 0; count < 2; count++) await peer.expect(kinds.message);
    const first = await peer.expect(kinds.request);
    node.on('node_request', () => 'answer');
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
    await Promise.all(requests);
    // A goodbye follows what was sent before it.
    void connection.stop();
    await peer.synced();
    peer.write(credit(0, 2_000));
    await peer.expect(kinds.message);
    await peer.goodbye();
  });

  test('12.3 a message may begin below the granted position, however long it is, and not at it', async (t) => {
    const { node, peer } = await pair(t, { limits: { unhandledMaxBytes: 2_000 } });
    node.on('node_message', () => new Promise(() => {}));
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
    test(`12.3 the same for ${lane}`, async (t) => {
      const { node, peer } = await pair(t, { limits: { unhandledMaxBytes: 2_000 } });
      for (const event of ['node_message', 'node_request'] as const)
        node.on(event, () => new Promise(() => {}));
      for (let number = 1; number <= 5; number++) peer.write(numbered(kind, number));
      await peer.synced();
      peer.write(numbered(kind, 6));
      assert.equal((await peer.goodbye()).code, 'protocol');
    });
  }

  test('12.4 a position that was passed says nothing', async (t) => {
    const { peer, connection } = await pair(t, {}, { messages: 400, requests: 1, protocols: 1 });
    for (let count = 0; count < 3; count++) connection.send(new Uint8Array(144));
    await peer.expect(kinds.message);
    peer.write(credit(0, 0), credit(0, 400), credit(0, 800), credit(0, 600));
    await peer.expect(kinds.message);
    await peer.synced();
    peer.write(credit(0, 801));
    await peer.expect(kinds.message);
  });

  test('12.4 a credit of another form is a breach', async (t) => {
    const good = Buffer.alloc(9);
    for (const body of [Buffer.alloc(0), good.subarray(1), Buffer.concat([good, good]), Buffer.alloc(9, 2)]) {
      const { peer } = await pair(t);
      peer.write(frame(kinds.credit, body));
      assert.equal((await peer.goodbye()).code, 'protocol');
    }
  });

  test('12.6 requests and streams wait for no handler of messages; so many requests are answered at once', async (t) => {
    const { node, peer } = await pair(t, { limits: { maxRequests: 2 } });
    node.on('node_message', () => new Promise(() => {}));
    node.on('node_stream', () => {});
    const asked: PromiseWithResolvers<string>[] = [];
    node.on('node_request', () => {
      const answer = Promise.withResolvers<string>();
      asked.push(answer);
      return answer.promise;
    });
    const opened = eventOf(node, 'node_stream');
    peer.write(message, message);
    for (let number = 1; number <= 3; number++) peer.write(numbered(kinds.request, number));
    peer.write(frame(kinds.streamOpen, Buffer.concat([uint32(1), uint32(1_000), Buffer.from('x')]), bytes));
    await opened;
    await peer.expect(kinds.streamCredit);
    assert.equal(asked.length, 2);
    asked[1]!.resolve('second');
    assert.deepEqual((await peer.expect(kinds.response)).body.subarray(0, 4), uint32(2));
    await peer.synced();
    assert.equal(asked.length, 3);
  });
});

async function pair(
  t: TestContext,
  options?: NodeOptions,
  windows = { messages: 2 ** 22, requests: 2 ** 22, protocols: 2 ** 22 },
) {
  const node = await startNode(t, options);
  const [peer, [connection]] = await Promise.all([
    connectPlain(node, { hello: { windows } }),
    eventOf(node, 'inbound_node_connected'),
  ]);
  return { node, peer, connection };
}
