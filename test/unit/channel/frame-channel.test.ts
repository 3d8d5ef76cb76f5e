import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { FrameKind, idBody, smallFrame } from '../../../src/wire/frames/frame.ts';
import { decodeGoodbye } from '../../../src/wire/frames/goodbye.ts';
import { PayloadFormat } from '../../../src/wire/payloads/payload.ts';
import { withCode } from '../../support/errors.ts';
import { turn } from '../../support/turns.ts';
import { dataFrame, hello, kindsOf, openChannel } from './open-channel.ts';

suite('what arrives', () => {
  test('hands on what came before the connect handler was called in the order in which it came', () => {
    const rest = [
      dataFrame(FrameKind.message, 'one'),
      dataFrame(FrameKind.request, 'two', { id: 1 }),
      dataFrame(FrameKind.message, 'three'),
    ];
    const { channel, told, handler } = openChannel({ rest, isStarted: false });
    channel.start({ ...handler, connected: () => told.push('connected') > 0 });
    assert.deepEqual(told, ['connected', 'message one', 'request two', 'message three']);
  });

  test('before the start is told after it, with what came behind the handshake first', () => {
    const rest = [dataFrame(FrameKind.message, 'early')];
    const { link, channel, told, handler } = openChannel({ rest, isStarted: false });
    link.onMessage(dataFrame(FrameKind.message, 'later'));
    assert.deepEqual(told, []);
    channel.start(handler);
    assert.deepEqual(told, ['message early', 'message later']);
  });

  test('of each kind goes where it belongs', async () => {
    const { link, told } = openChannel();
    link.onMessage(dataFrame(FrameKind.message, 'one'));
    link.onMessage(dataFrame(FrameKind.deliver, 'two', { id: 5 }));
    link.onMessage(dataFrame(FrameKind.request, 'three', { id: 6 }));
    link.onMessage(smallFrame(FrameKind.ping, idBody(7)));
    await turn();
    assert.deepEqual(told, ['message one', 'message two', 'request three']);
    const frames = link.takeFrames();
    assert.deepEqual(
      frames.map(({ kind }) => kind).sort((one, other) => one - other),
      [FrameKind.pong, FrameKind.delivered, FrameKind.response],
    );
    for (const { kind, body } of frames) {
      const expected = { [FrameKind.pong]: 7, [FrameKind.delivered]: 5, [FrameKind.response]: 6 }[kind];
      assert.equal(body[3], expected);
    }
  });

  test('and cannot be decoded is rejected; the connection goes on', async () => {
    const { link, told } = openChannel();
    link.onMessage(dataFrame(FrameKind.message, 'text', { format: 99 }));
    link.onMessage(dataFrame(FrameKind.message, 'no JSON', { format: PayloadFormat.json }));
    link.onMessage(dataFrame(FrameKind.deliver, 'no JSON', { id: 1, format: PayloadFormat.json }));
    link.onMessage(dataFrame(FrameKind.request, 'no JSON', { id: 2, format: PayloadFormat.json }));
    link.onMessage(dataFrame(FrameKind.message, 'fine'));
    await turn();
    assert.deepEqual(told, [...Array(4).fill('rejected ERR_MESSAGE_INVALID'), 'message fine']);
    assert.deepEqual(kindsOf(link), [FrameKind.failure, FrameKind.failure]);
    assert.deepEqual(link.endings, []);
  });

  test('as an answer that nobody waits for is passed over', async () => {
    const { link, told } = openChannel();
    for (const kind of [FrameKind.response, FrameKind.failure])
      link.onMessage(dataFrame(kind, 'what?', { id: 9 }));
    for (const kind of [FrameKind.delivered, FrameKind.pong]) link.onMessage(smallFrame(kind, idBody(9)));
    await turn();
    assert.deepEqual([told, link.pieces, link.endings], [[], [], []]);
  });
});

test('an error of ours while a message is handled that had to wait ends that connection, not the process', async () => {
  const { link, channel, told, behaviour } = openChannel();
  const first = Promise.withResolvers<boolean>();
  behaviour.message = () => first.promise;
  for (const data of ['one', 'two', 'three']) link.onMessage(dataFrame(FrameKind.message, data));
  behaviour.message = () => {
    throw new Error('a defect');
  };
  first.resolve(true);
  await turn();
  assert.deepEqual(told, ['message one', 'message two']);
  assert.equal(channel.isOpen, false);
  const [farewell] = link.takeFrames();
  assert.deepEqual(decodeGoodbye(farewell!.body), { code: 'protocol', message: 'a defect' });
});

suite('what is in the hands of handlers counts by what it was unfolded to:', () => {
  const lists = Array.from({ length: 1_500 }, () => []);
  const unfolded = 1_501 * 128;
  for (const [name, data] of Object.entries({ JSON: lists, CBOR: [...lists.slice(1), Uint8Array.of(1)] })) {
    test(`${name} in a message`, () => {
      const { link, channel, behaviour } = openChannel();
      link.onMessage(dataFrame(FrameKind.message, data));
      assert.equal(channel.heldBytes, 0);
      behaviour.message = () => new Promise(() => {});
      link.onMessage(dataFrame(FrameKind.message, data));
      assert.ok(channel.heldBytes > unfolded);
    });

    test(`${name} in a request, until it is answered`, async () => {
      const { link, channel, behaviour } = openChannel();
      const answer = Promise.withResolvers<Data>();
      behaviour.request = () => answer.promise;
      link.onMessage(dataFrame(FrameKind.request, data, { id: 1 }));
      assert.ok(channel.heldBytes > unfolded);
      answer.resolve('done');
      await turn();
      assert.equal(channel.heldBytes, 0);
    });
  }
});

suite('a message that holds too many lists', () => {
  const limits = { maxContainers: 100 };
  const tooMany = Array.from({ length: 100 }, () => []);

  test('is rejected, and the connection goes on', () => {
    const { link, channel, told } = openChannel({ limits });
    link.onMessage(dataFrame(FrameKind.message, tooMany));
    link.onMessage(dataFrame(FrameKind.message, 'after it'));
    assert.deepEqual(told, ['rejected ERR_MESSAGE_INVALID', 'message after it']);
    assert.ok(channel.isOpen);
  });

  test('is not sent, nor asked, nor answered', async () => {
    const { link, channel, told, behaviour } = openChannel({ limits });
    const error = withCode('ERR_MESSAGE_TOO_LARGE', /more than 100 lists/);
    assert.throws(() => channel.send(tooMany), error);
    assert.throws(() => channel.request(tooMany), error);
    assert.throws(() => channel.deliver(tooMany), error);
    behaviour.request = () => tooMany;
    link.onMessage(dataFrame(FrameKind.request, 'which?', { id: 1 }));
    assert.match(told.join(), /unanswerable the message holds more than 100 lists/);
    await turn();
    assert.deepEqual(kindsOf(link), [FrameKind.failure]);
  });
});

suite('an answer', () => {
  test('that cannot be decoded fails the request', async () => {
    const { link, channel, told } = openChannel();
    const asked = channel.request('question');
    await turn();
    const id = link.takeFrames()[0]!.body[3]!;
    link.onMessage(dataFrame(FrameKind.response, 'no JSON', { id, format: PayloadFormat.json }));
    await assert.rejects(asked, withCode('ERR_MESSAGE_INVALID'));
    assert.deepEqual(told, ['rejected ERR_MESSAGE_INVALID']);
  });

  test('of failure carries words of the other side, cut and fit to be shown', async () => {
    const { link, channel } = openChannel();
    const asked = [channel.request(1), channel.deliver(2)];
    await turn();
    const ids = link.takeFrames().map(({ body }) => body[3]!);
    link.onMessage(dataFrame(FrameKind.failure, `no\u001b[31m${'x'.repeat(1_000)}`, { id: ids[0]! }));
    link.onMessage(dataFrame(FrameKind.failure, { not: 'text' }, { id: ids[1]! }));
    await assert.rejects(asked[0]!, (error: Error) => {
      assert.ok(withCode('ERR_HANDLER', /^no\[31mx+$/)(error));
      return error.message.length <= 500;
    });
    await assert.rejects(asked[1]!, withCode('ERR_HANDLER', /the other side failed/));
  });

  test('of the wrong kind is a breach that the caller hears of', async () => {
    const { link, channel } = openChannel();
    const asked = channel.request('question');
    await turn();
    link.onMessage(smallFrame(FrameKind.delivered, link.takeFrames()[0]!.body.slice(0, 4)));
    await assert.rejects(asked, withCode('ERR_PROTOCOL'));
  });

  test('that does not fit into the queue of one who does not read ends the connection', async () => {
    const { link, told } = openChannel({ limits: { queueMaxBytes: 10_000 } });
    link.room = 1;
    for (let id = 0; id < 10; id++) link.onMessage(dataFrame(FrameKind.request, 'x'.repeat(5_000), { id }));
    await turn();
    await turn();
    assert.deepEqual(link.endings, ['close 1000']);
    link.end();
    await turn();
    assert.equal(told.at(-1), 'closed overload by us');
  });
});

suite('whoever breaks the protocol', () => {
  const breaches: Record<string, Uint8Array> = {
    'by a second hello': smallFrame(FrameKind.hello, Buffer.from(JSON.stringify(hello))),
    'by a second accept': smallFrame(FrameKind.accept, new Uint8Array(0)),
    'by a kind that nobody knows': smallFrame(99, new Uint8Array(0)),
    'by a frame without its number': smallFrame(FrameKind.ping, Uint8Array.of(1, 2)),
    'by a request without its number': dataFrame(FrameKind.request, ''),
    'by a goodbye that is none': smallFrame(FrameKind.goodbye, Buffer.from('bye')),
    'by a part of nothing': smallFrame(FrameKind.part, Uint8Array.of(1)),
    'by compressed data that is damaged': dataFrame(FrameKind.message, 'not zlib', { compression: 1 }),
  };
  for (const [how, bytes] of Object.entries(breaches)) {
    test(`${how} is told why, and let go; nothing after it is heard`, async () => {
      const { link, told } = openChannel();
      link.onMessage(dataFrame(FrameKind.message, 'before'));
      link.onMessage(bytes);
      link.onMessage(dataFrame(FrameKind.message, 'after'));
      await turn();
      const frames = link.takeFrames();
      assert.deepEqual(
        frames.map(({ kind }) => kind),
        [FrameKind.goodbye],
      );
      assert.equal(decodeGoodbye(frames[0]!.body).code, 'protocol');
      assert.deepEqual(link.endings, ['close 1000']);
      link.end();
      await turn();
      assert.deepEqual(
        told.filter((line) => !line.startsWith('rejected')),
        ['message before', 'closed protocol by us'],
      );
    });
  }

  test('by asking and never reading the answers is given up', async () => {
    const { link, told } = openChannel();
    link.room = 0;
    link.onMessage(smallFrame(FrameKind.ping, idBody(0)));
    await turn();
    for (let id = 1; id < 10_000 && link.endings.length === 0; id++) {
      link.onMessage(smallFrame(FrameKind.ping, idBody(id)));
    }
    assert.deepEqual(link.endings, ['close 1000']);
    link.end();
    await turn();
    assert.deepEqual(told, ['closed overload by us']);
  });
});

suite('a frame that is too short for its number ends the connection at once, also behind a slow handler:', () => {
  const { deliver, request, streamOpen, delivered, response, failure } = FrameKind;
  const kinds = { deliver, request, streamOpen, delivered, response, failure };
  for (const [name, kind] of Object.entries(kinds)) {
    test(name, async () => {
      for (const length of [0, 1, 3]) {
        const { link, told, behaviour } = openChannel();
        const handling = Promise.withResolvers<boolean>();
        behaviour.message = () => handling.promise;
        link.onMessage(dataFrame(FrameKind.message, 'slow'));
        link.onMessage(smallFrame(kind, new Uint8Array(length)));
        await turn();
        const [frame] = link.takeFrames();
        assert.equal(frame?.kind, FrameKind.goodbye);
        assert.equal(decodeGoodbye(frame.body).code, 'protocol');
        link.end();
        handling.resolve(true);
        await turn();
        assert.deepEqual(told, ['message slow', 'closed protocol by us']);
      }
    });
  }
});

test('a handler may transfer what it receives, also in a flood where messages share memory', () => {
  const { link, told, behaviour } = openChannel();
  const numbers = Array.from({ length: 20_000 }, (_, index) => index);
  const flood = Buffer.concat(
    numbers.flatMap((index) => [
      dataFrame(FrameKind.message, new Uint8Array(100).fill(index % 251)),
      dataFrame(FrameKind.message, `text ${index}`),
    ]),
  );
  const received: (string | number)[] = [];
  let shared = 0;
  behaviour.message = (data) => {
    told.length = 0;
    if (!(data instanceof Uint8Array)) {
      received.push(data as string);
      return true;
    }
    assert.ok(data.length === 100 && data.every((byte) => byte === data[0]));
    received.push(data[0]!);
    if (data.buffer.byteLength > 100) shared += 1;
    structuredClone(null, { transfer: [data.buffer as ArrayBuffer] });
    return true;
  };
  for (let at = 0; at < flood.length; at += 16_384) link.onMessage(flood.subarray(at, at + 16_384));
  assert.deepEqual(
    received,
    numbers.flatMap((index) => [index % 251, `text ${index}`]),
  );
  assert.ok(shared > 3_000, `${shared} messages shared memory`);
});

test('a message of more bytes than this node allows is not handled, though it comes in one frame', () => {
  const { link, channel, told } = openChannel({ limits: { maxMessageBytes: 1_000 } });
  link.onMessage(dataFrame(FrameKind.message, 'x'.repeat(1_000)));
  assert.deepEqual(told, [`message ${'x'.repeat(1_000)}`]);
  link.onMessage(dataFrame(FrameKind.message, 'x'.repeat(1_100)));
  assert.deepEqual([told.length, channel.isOpen], [1, false]);
});
