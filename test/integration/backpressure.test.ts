import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { heldBytes } from '../support/memory.ts';
import { startPair } from '../support/start-nodes.ts';
import { turns, until, within } from '../support/turns.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

for (const engine of engines.slice(0, 2)) {
  suite(`over ${engine.name}, a handler that does not keep up`, () => {
    test('stops the sender: send() turns false, and stays so until the handler goes on', async (t) => {
      const { b, connection } = await startPair(t, { engine });
      const gate = Promise.withResolvers<void>();
      let handled = 0;
      b.on('node_message', async () => {
        await gate.promise;
        handled += 1;
      });
      const piece = new Uint8Array(64 * kibibyte);
      let sent = 0;
      let isStopped = false;
      while (!isStopped && sent < 1_024) {
        sent += 1;
        if (connection.send(piece)) continue;
        isStopped = await Promise.race([connection.drained().then(() => false), turns(400).then(() => true)]);
      }
      assert.ok(isStopped, 'the sender is told to wait');
      // 4 MiB unhandled and 1 MiB in the queue; what the system takes on the way may be much more.
      const takenBytes = sent * piece.length;
      assert.ok(takenBytes > 4 * mebibyte, `${takenBytes} bytes were taken`);
      if (engine.name === 'memory()') assert.ok(takenBytes < 6 * mebibyte, `${takenBytes} bytes were taken`);
      assert.equal(b.messages.length, 1);
      gate.resolve();
      await within(connection.drained(), 'the sender may go on');
      await within(connection.deliver('the end'), 'everything is handled');
      assert.equal(handled, sent + 1);
      assert.equal(connection.send('more'), true);
    });

    test('costs bounded memory on both sides, whatever the size of the messages', async (t) => {
      for (const messageBytes of [50, 3 * kibibyte, 200 * kibibyte, 2 * mebibyte]) {
        const { b, connection } = await startPair(t, { engine, options: { callback: () => {} } });
        const gate = Promise.withResolvers<void>();
        b.on('node_message', () => gate.promise);
        const before = heldBytes();
        const piece = new Uint8Array(messageBytes);
        let sentBytes = 0;
        let isStopped = false;
        while (!isStopped && sentBytes < 64 * mebibyte) {
          sentBytes += messageBytes;
          if (connection.send(piece)) continue;
          isStopped = await Promise.race([
            connection.drained().then(() => false),
            turns(400).then(() => true),
          ]);
        }
        const growth = heldBytes() - before;
        assert.ok(isStopped, `the sender of ${messageBytes} bytes is told to wait`);
        assert.ok(growth < 16 * mebibyte, `${growth} bytes more with messages of ${messageBytes}`);
        gate.resolve();
        await within(connection.deliver(null), 'everything is handled');
      }
    });

    test('holds up neither pings nor another connection', async (t) => {
      const { a, b, connection, reverse } = await startPair(t, { engine });
      const gate = Promise.withResolvers<void>();
      b.on('node_message', () => gate.promise);
      connection.send('keeps the handler busy');
      await b.message();
      assert.ok((await within(connection.ping(), 'the ping is answered')) >= 0);
      await within(reverse.deliver('the other way'), 'the other direction is free');
      assert.deepEqual(a.messages, ['the other way']);
      gate.resolve();
    });
  });
}

suite('the outgoing queue', () => {
  test('refuses what would pass its cap, and loses nothing of what it took', async (t) => {
    const { b, connection } = await startPair(t);
    const gate = Promise.withResolvers<void>();
    b.on('node_message', () => gate.promise);
    let accepted = 0;
    let refusals = 0;
    const piece = new Uint8Array(100 * kibibyte);
    while (refusals < 3 && accepted < 1_000) {
      piece[0] = accepted % 256;
      try {
        connection.send(piece);
        accepted += 1;
      } catch (error) {
        assert.ok(withCode('ERR_QUEUE_FULL', /limits\.queueMaxBytes/)(error));
        refusals += 1;
      }
    }
    assert.ok(accepted * piece.length > 31 * mebibyte, `only ${accepted} were taken`);
    assert.ok(accepted * piece.length <= 33 * mebibyte, `${accepted} were taken`);
    await assert.rejects(connection.deliver(piece), withCode('ERR_QUEUE_FULL'));
    await assert.rejects(connection.request(piece), withCode('ERR_QUEUE_FULL'));
    assert.equal(connection.isOpen, true);
    gate.resolve();
    await b.message(accepted);
    await connection.drained();
    await connection.deliver('room again');
    const firsts = b.messages.slice(0, accepted).map((data) => (data as Uint8Array)[0]);
    assert.deepEqual(
      firsts,
      Array.from({ length: accepted }, (_, index) => index % 256),
    );
    assert.equal(b.messages.length, accepted + 1);
  });

  test('takes one message larger than its cap when it is empty', async (t) => {
    const { b, connection } = await startPair(t, { options: { limits: { queueMaxBytes: 1_000 } } });
    const large = new Uint8Array(100_000).fill(7);
    assert.equal(connection.send(large), true);
    assert.throws(() => connection.send('and more'), withCode('ERR_QUEUE_FULL'));
    assert.deepEqual(await b.message(), large);
  });

  test('answers by its limits: false at the high-water mark, drained() when there is room', async (t) => {
    const { connection } = await startPair(t, { options: { limits: { queueHighWaterBytes: 10_000 } } });
    assert.equal(connection.send(new Uint8Array(9_000)), true);
    assert.equal(connection.send(new Uint8Array(2_000)), false);
    let isDrained = false;
    const drained = connection.drained().then(() => {
      isDrained = true;
    });
    assert.equal(isDrained, false);
    await within(drained, 'the queue drains');
    assert.equal(connection.send(new Uint8Array(9_000)), true);
  });

  test('lets who waits go when the connection ends', async (t) => {
    const { b, connection, reverse } = await startPair(t);
    const gate = Promise.withResolvers<void>();
    b.on('node_message', () => gate.promise);
    for (let index = 0; index < 300; index++) connection.send(new Uint8Array(100 * kibibyte));
    const drained = connection.drained();
    await b.message();
    await reverse.stop();
    await within(drained, 'drained() settles');
    gate.resolve();
  });
});

suite('data that the caller changes right after send()', () => {
  for (const bytes of [10, 40 * kibibyte, 300 * kibibyte, 5 * mebibyte]) {
    test(`arrives as it was: ${bytes} bytes`, async (t) => {
      const { b, connection } = await startPair(t);
      const expected: Data[] = [];
      const bare = new Uint8Array(bytes).fill(1);
      const numbers = new Float64Array(bytes / 2 / 8).fill(1);
      const inside = { round: 1, weights: new Float32Array(bytes / 4).fill(1), list: [1] };
      for (const data of [bare, numbers, inside]) {
        expected.push(structuredClone(data));
        connection.send(data);
      }
      expected.push(structuredClone(bare));
      const delivered = connection.deliver(bare);
      for (const array of [bare, numbers, inside.weights]) array.fill(2);
      inside.round = 2;
      inside.list.push(2);
      await delivered;
      assert.deepStrictEqual(b.messages, expected);
    });
  }

  test('sent to many, it arrives everywhere as it was', async (t) => {
    const { a, b } = await startPair(t);
    const data = new Uint8Array(300 * kibibyte).fill(1);
    a.sendToNodes(data);
    a.sendToNodes(data, { compression: 'zlib' });
    data.fill(2);
    await b.message(2);
    for (const message of b.messages) assert.ok((message as Uint8Array).every((byte) => byte === 1));
  });
});

test('what a connection has received and not handled is bounded while it pauses and resumes', async (t) => {
  const { b, connection } = await startPair(t, { options: { limits: { unhandledMaxBytes: 100_000 } } });
  let underWay = 0;
  let mostUnderWay = 0;
  b.on('node_message', async () => {
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    await turns(1);
    underWay -= 1;
  });
  const count = 300;
  for (let index = 0; index < count; index++) {
    if (!connection.send(new Uint8Array(20_000).fill(index % 256))) await connection.drained();
  }
  await until(() => b.messages.length === count, 'all messages are handled');
  assert.deepEqual(
    b.messages.map((data) => (data as Uint8Array)[19_999]),
    Array.from({ length: count }, (_, index) => index % 256),
  );
  assert.equal(mostUnderWay, 1, 'one at a time');
});
