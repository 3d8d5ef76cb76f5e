import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Limits, resolveLimits } from '../../../src/base/limits.ts';
import { sharedFramesOf } from '../../../src/channel/send/cut-message.ts';
import { Outgoing } from '../../../src/channel/send/outgoing.ts';
import { FrameKind, frameHeaderBytes, idOf } from '../../../src/wire/frames/frame.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';
import { endlessWindows } from '../../support/windows.ts';

const { message, request, ping, pong, goodbye } = FrameKind;

const payload = (bytes: number, seed = 0) => ({
  format: 3,
  compression: 0,
  body: new Uint8Array(bytes).map((_, index) => (seed + index * 31) % 251),
});

function outgoingOn(limits: Partial<Limits> = {}) {
  const link = new FakeLink();
  return { link, outgoing: new Outgoing({ link, limits: resolveLimits(limits), windows: endlessWindows }) };
}

suite('messages', () => {
  test('of one turn go in one piece, in their order', async () => {
    const { link, outgoing } = outgoingOn();
    for (let index = 0; index < 250; index++) outgoing.send(message, payload(200, index));
    assert.equal(link.pieces.length, 0, 'not before the turn is over');
    await turn();
    assert.equal(link.pieces.length, 1);
    assert.deepEqual(
      link.takeFrames().map(({ body }) => body[0]),
      Array.from({ length: 250 }, (_, index) => index),
    );
  });

  test('of every size arrive as they were, with the number that pairs them or without', async () => {
    const edges = [
      0, 1, 2_000, 2_039, 2_040, 2_041, 16_384, 16_385, 32_768, 65_515, 65_536, 262_144, 262_145,
    ];
    const sizes = [...edges, 300_000, 1_000_003];
    for (const id of [undefined, 0xfedcba98]) {
      for (const size of sizes) {
        const { link, outgoing } = outgoingOn();
        const given = payload(size);
        const expected = given.body.slice();
        outgoing.send(message, payload(5), undefined);
        outgoing.send(request, given, id);
        given.body.fill(0xee);
        outgoing.send(message, payload(7));
        await turn();
        const [before, frame, after, ...none] = link.takeFrames();
        assert.deepEqual(none, []);
        assert.deepEqual([before!.body.length, after!.body.length], [5, 7]);
        assert.deepEqual([frame!.kind, frame!.format, frame!.compression], [request, 3, 0]);
        if (id !== undefined) assert.equal(idOf(request, frame!.body), id);
        const body = id === undefined ? frame!.body : frame!.body.subarray(4);
        assert.ok(Buffer.from(body).equals(expected), `${size} bytes`);
      }
    }
  });

  test('may be cut for many connections beforehand', async () => {
    assert.equal(sharedFramesOf(payload(100)), undefined, 'a small one is copied');
    const large = payload(500_000);
    const shared = sharedFramesOf(large);
    for (let connection = 0; connection < 2; connection++) {
      const { link, outgoing } = outgoingOn();
      outgoing.send(message, payload(5));
      outgoing.send(message, { ...large, shared });
      await turn();
      const [first, second] = link.takeFrames();
      assert.equal(first!.body.length, 5);
      assert.ok(Buffer.from(second!.body).equals(large.body));
    }
  });

  test('that were cut for many may be requests too, each with its own number', async () => {
    for (const size of [16_385, 32_768, 65_511, 65_516, 65_517, 65_524, 65_525, 65_536, 262_144, 500_000]) {
      const large = payload(size);
      const shared = sharedFramesOf(large)!;
      const numbers = [7, 0xfedcba98];
      for (const id of numbers) {
        const { link, outgoing } = outgoingOn();
        outgoing.send(message, payload(5));
        outgoing.send(request, { ...large, shared }, id);
        outgoing.send(message, payload(6));
        await turn();
        const [first, second, third, ...none] = link.takeFrames();
        assert.deepEqual([first!.body.length, third!.body.length, none], [5, 6, []]);
        assert.deepEqual([second!.kind, second!.format, idOf(request, second!.body)], [request, 3, id]);
        assert.ok(Buffer.from(second!.body.subarray(4)).equals(large.body), `${size} bytes`);
      }
    }
  });

  test('that were cut for many may be frames of a protocol too, each with its own place', async () => {
    for (const size of [16_385, 65_516, 65_524, 65_525, 65_536, 500_000]) {
      const body = payload(size).body;
      const shared = sharedFramesOf({ format: 0, compression: 0, body })!;
      for (const [format, compression] of [
        [0, 0],
        [3, 0],
        [1, 7],
      ] as const) {
        const { link, outgoing } = outgoingOn();
        outgoing.send(message, payload(5));
        outgoing.send(FrameKind.protocol, { format, compression, body, shared });
        outgoing.send(message, payload(6));
        await turn();
        const [first, second, third, ...none] = link.takeFrames();
        assert.deepEqual([first!.body.length, third!.body.length, none], [5, 6, []]);
        assert.deepEqual(
          [second!.kind, second!.format, second!.compression],
          [FrameKind.protocol, format, compression],
        );
        assert.ok(Buffer.from(second!.body).equals(body), `${size} bytes`);
      }
    }
  });

  test('wait while the link is full', async () => {
    const { link, outgoing } = outgoingOn();
    link.room = 1;
    outgoing.send(message, payload(10, 1));
    await turn();
    for (let index = 2; index <= 50; index++) {
      outgoing.send(message, payload(10, index));
      if (index % 10 === 0) await turn();
    }
    assert.equal(link.takeFrames().length, 1);
    assert.equal(outgoing.queuedBytes, 49 * (10 + frameHeaderBytes));
    link.makeRoom();
    await turn();
    assert.deepEqual(
      link.takeFrames().map(({ body }) => body[0]),
      Array.from({ length: 49 }, (_, index) => index + 2),
    );
    assert.equal(outgoing.queuedBytes, 0);
  });
});

suite('the queue', () => {
  test('returns false at the high-water mark, and is drained at half of it', async () => {
    const { link, outgoing } = outgoingOn({ queueHighWaterBytes: 200_000 });
    link.room = 1;
    outgoing.send(message, payload(10));
    await turn();
    assert.equal(outgoing.send(message, payload(150_000)), true);
    assert.equal(outgoing.send(message, payload(50_000)), false);
    let isDrained = false;
    void outgoing.drained().then(() => {
      isDrained = true;
    });
    link.makeRoom(2);
    await turn();
    assert.equal(isDrained, outgoing.queuedBytes <= 100_000);
    while (!isDrained) {
      assert.ok(outgoing.queuedBytes > 0);
      link.makeRoom(1);
      await turn();
    }
    assert.ok(outgoing.queuedBytes <= 100_000);
    await outgoing.drained();
  });

  test('refuses what would pass its cap, and takes nothing of it', async () => {
    const { link, outgoing } = outgoingOn({ queueMaxBytes: 100_000 });
    link.room = 1;
    outgoing.send(message, payload(10));
    await turn();
    outgoing.send(message, payload(90_000));
    const { queuedBytes } = outgoing;
    assert.throws(
      () => outgoing.send(message, payload(20_000)),
      withCode('ERR_QUEUE_FULL', /would exceed 100000/),
    );
    assert.equal(outgoing.queuedBytes, queuedBytes);
    outgoing.send(message, payload(5_000));
    link.makeRoom();
    await turn();
    assert.deepEqual(
      link.takeFrames().map(({ body }) => body.length),
      [10, 90_000, 5_000],
    );
  });

  for (const keptBytes of [0, 30_000]) {
    test(`holds exactly its cap, and not a byte more, where ${keptBytes} bytes of it are kept`, async () => {
      const link = new FakeLink();
      const keeper = { keptBytes };
      const outgoing = new Outgoing({
        link,
        limits: resolveLimits({ queueMaxBytes: 100_000 }),
        windows: endlessWindows,
        keeper,
      });
      link.room = 1;
      outgoing.send(message, payload(10));
      await turn();
      outgoing.send(message, payload(1_000));
      const room = 100_000 - keptBytes - outgoing.queuedBytes;
      assert.throws(() => outgoing.send(message, payload(room + 1)), withCode('ERR_QUEUE_FULL'));
      outgoing.send(message, payload(room));
      assert.throws(() => outgoing.send(message, payload(1)), withCode('ERR_QUEUE_FULL'));
    });
  }

  test('says false from the high-water mark on, and while more than half of the cap is kept', async () => {
    const link = new FakeLink();
    link.room = 0;
    const keeper = { keptBytes: 50_000 };
    const limits = resolveLimits({ queueMaxBytes: 100_000, queueHighWaterBytes: 20_000 });
    const outgoing = new Outgoing({ link, limits, windows: endlessWindows, keeper });
    assert.equal(outgoing.send(message, payload(1_000)), true);
    keeper.keptBytes = 50_001;
    assert.equal(outgoing.send(message, payload(1_000)), false);
    keeper.keptBytes = 50_000;
    const below = 20_000 - outgoing.queuedBytes - 1;
    assert.equal(outgoing.send(message, payload(below - 1_000)), true);
    assert.equal(outgoing.send(message, payload(20_000 - outgoing.queuedBytes)), false);
  });

  test('takes a message larger than its cap when it is empty', async () => {
    const { link, outgoing } = outgoingOn({ queueMaxBytes: 1_000 });
    outgoing.send(message, payload(50_000));
    await turn();
    assert.equal(link.takeFrames()[0]!.body.length, 50_000);
  });

  test('is flushed when the link has taken all of it', async () => {
    const { link, outgoing } = outgoingOn();
    await outgoing.flushed();
    link.room = 1;
    outgoing.send(message, payload(100_000));
    let isFlushed = false;
    void outgoing.flushed().then(() => {
      isFlushed = true;
    });
    await turn();
    assert.equal(isFlushed, false);
    link.makeRoom();
    await turn();
    assert.equal(isFlushed, true);
  });
});

suite('urgent frames', () => {
  test('overtake what waits, and keep their own order', async () => {
    const { link, outgoing } = outgoingOn();
    link.room = 1;
    outgoing.send(message, payload(10));
    await turn();
    for (let index = 0; index < 5; index++) outgoing.send(message, payload(60_000));
    await turn();
    outgoing.urgent(ping, payload(4).body);
    outgoing.urgent(pong, payload(4).body);
    link.makeRoom();
    await turn();
    assert.deepEqual(
      link.takeFrames().map(({ kind }) => kind),
      [message, ping, pong, message, message, message, message, message],
    );
  });

  test('go between the parts of a large message', async () => {
    const { link, outgoing } = outgoingOn();
    link.room = 1;
    outgoing.send(message, payload(1_000_000));
    await turn();
    outgoing.urgent(ping, payload(4).body);
    link.makeRoom();
    await turn();
    assert.deepEqual(
      link.takeFrames().map(({ kind }) => kind),
      [ping, message],
      'the message is complete only after its last part',
    );
  });

  test('that are not read are too many some time', async () => {
    const { link, outgoing } = outgoingOn();
    link.room = 0;
    outgoing.send(message, payload(10));
    await turn();
    let count = 0;
    while (outgoing.urgent(pong, payload(4).body) && count < 100_000) count += 1;
    assert.ok(count > 1_000 && count < 10_000, `${count} pongs`);
  });
});

test('frames of the connection itself go behind what waits, however much that is', async () => {
  const { link, outgoing } = outgoingOn({ queueMaxBytes: 1_000 });
  link.room = 0;
  outgoing.send(message, payload(50_000));
  outgoing.sendOwn(goodbye, payload(200).body);
  link.makeRoom();
  await turn();
  assert.deepEqual(
    link.takeFrames().map(({ kind }) => kind),
    [message, goodbye],
  );
});

test('after close nothing is sent, and whoever waits is let go', async () => {
  const { link, outgoing } = outgoingOn();
  link.room = 1;
  outgoing.send(message, payload(2_000_000));
  await turn();
  const sent = link.pieces.length;
  const waiting = [outgoing.drained(), outgoing.flushed()];
  outgoing.close();
  await Promise.all(waiting);
  assert.equal(outgoing.queuedBytes, 0);
  link.makeRoom();
  await turn();
  assert.equal(link.pieces.length, sent);
});
