import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Limits, resolveLimits } from '../../../src/base/limits.ts';
import { sharedFramesOf } from '../../../src/channel/send/cut-message.ts';
import { Outgoing } from '../../../src/channel/send/outgoing.ts';
import { FrameKind, idOf } from '../../../src/wire/frames/frame.ts';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { decodeCredit, Lane, messageCostBytes, type Windows } from '../../../src/wire/frames/windows.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';

const { message, deliver, request, response, credit, goodbye, ping, streamOpen } = FrameKind;

const payload = (bytes: number, first = 0) => ({
  format: 3,
  compression: 0,
  body: new Uint8Array(bytes).fill(first % 256),
});

/** What a message with a body of so many bytes costs. */
const cost = (bytes: number): number => bytes + messageCostBytes;

function outgoingWith(windows: Partial<Windows>, limits: Partial<Limits> = {}) {
  const link = new FakeLink();
  const outgoing = new Outgoing({
    link,
    limits: resolveLimits(limits),
    windows: { messages: 10 * cost(100), requests: 10 * cost(100), protocols: 10 * cost(100), ...windows },
  });
  const sent = async (): Promise<Frame[]> => {
    await turn();
    return link.takeFrames();
  };
  const firsts = async (): Promise<number[]> => (await sent()).map(({ body }) => body[0]!);
  return { link, outgoing, sent, firsts };
}

suite('messages beyond the window', () => {
  test('wait, and go on in their order as far as the window is extended', async () => {
    const { outgoing, firsts } = outgoingWith({ messages: 3 * cost(100) });
    for (let index = 0; index < 10; index++) outgoing.send(message, payload(100, index));
    assert.deepEqual(await firsts(), [0, 1, 2]);
    outgoing.onCredit(Lane.messages, 5 * cost(100));
    assert.deepEqual(await firsts(), [3, 4]);
    // A message may begin while any of the window is left.
    outgoing.onCredit(Lane.messages, 5 * cost(100) + 1);
    assert.deepEqual(await firsts(), [5]);
    outgoing.onCredit(Lane.messages, 20 * cost(100));
    outgoing.send(message, payload(100, 10));
    assert.deepEqual(await firsts(), [6, 7, 8, 9, 10]);
    assert.equal(outgoing.queuedBytes, 0);
  });

  test('wait for a position that is new: one that was passed already grants nothing', async () => {
    const { outgoing, firsts } = outgoingWith({ messages: 2 * cost(100) });
    for (let index = 0; index < 6; index++) outgoing.send(message, payload(100, index));
    assert.deepEqual(await firsts(), [0, 1]);
    for (const position of [0, cost(100), 2 * cost(100)]) outgoing.onCredit(Lane.messages, position);
    assert.deepEqual(await firsts(), []);
    outgoing.onCredit(Lane.messages, 3 * cost(100));
    outgoing.onCredit(Lane.messages, 3 * cost(100));
    assert.deepEqual(await firsts(), [2]);
  });

  test('hold up nothing of other kinds', async () => {
    const { outgoing, sent } = outgoingWith({ messages: 1 });
    outgoing.send(message, payload(100, 1));
    outgoing.send(message, payload(100, 2));
    outgoing.send(deliver, payload(100), 3);
    await sent();
    outgoing.send(request, payload(100), 4);
    outgoing.sendFreely(response, payload(100), 5);
    outgoing.sendFreely(streamOpen, payload(100), 6);
    outgoing.urgent(ping, payload(4).body);
    const kinds = (await sent()).map(({ kind }) => kind);
    assert.deepEqual(kinds, [ping, request, response, streamOpen]);
  });

  test('are of one lane with deliveries, in their order, and requests are of another', async () => {
    const { outgoing, sent } = outgoingWith({ messages: 1, requests: 1 });
    for (let id = 0; id < 3; id++) {
      outgoing.send(message, payload(10, id));
      outgoing.send(deliver, payload(10), id);
      outgoing.send(request, payload(10), id);
    }
    assert.deepEqual(
      (await sent()).map(({ kind }) => kind),
      [message, request],
    );
    outgoing.onCredit(Lane.requests, 1_000_000);
    assert.deepEqual(
      (await sent()).map(({ kind, body }) => [kind, idOf(kind, body)]),
      [
        [request, 1],
        [request, 2],
      ],
    );
    outgoing.onCredit(Lane.messages, 1_000_000);
    assert.deepEqual(
      (await sent()).map(({ kind }) => kind),
      [deliver, message, deliver, message, deliver],
    );
  });

  for (const size of [0, 1, 2_000, 16_384, 16_385, 65_536, 300_000, 1_000_003]) {
    test(`of ${size} bytes go whole, wherever the window ends`, async () => {
      for (const isShared of [false, true]) {
        const count = 7;
        for (let granted = 1; granted < count * cost(size); granted += Math.ceil(cost(size) / 3)) {
          const { outgoing, sent } = outgoingWith({ messages: 1 }, { queueMaxBytes: 2 ** 27 });
          const bodies = Array.from({ length: count }, (_, index) => payload(size, index + 1));
          for (const one of bodies) {
            const shared = isShared ? sharedFramesOf(one) : undefined;
            outgoing.send(message, { ...one, shared });
          }
          const first = await sent();
          outgoing.onCredit(Lane.messages, granted);
          const next = await sent();
          outgoing.onCredit(Lane.messages, Number.MAX_SAFE_INTEGER);
          const rest = await sent();
          assert.equal(first.length, 1);
          assert.equal(first.length + next.length, Math.max(1, Math.ceil(granted / cost(size))));
          const arrived = [...first, ...next, ...rest];
          assert.equal(arrived.length, count);
          for (const [index, { body }] of arrived.entries()) {
            assert.ok(Buffer.from(body).equals(bodies[index]!.body), `${index + 1} of ${granted}`);
          }
          assert.equal(outgoing.queuedBytes, 0);
        }
      }
    });
  }

  test('count for the queue: send says false, then throws, and drained() waits for the window', async () => {
    const { outgoing, sent } = outgoingWith(
      { messages: 1 },
      { queueHighWaterBytes: 10_000, queueMaxBytes: 20_000 },
    );
    assert.equal(outgoing.send(message, payload(5_000)), true);
    await sent();
    assert.equal(outgoing.send(message, payload(5_000)), true);
    assert.equal(outgoing.send(message, payload(6_000)), false);
    assert.throws(() => outgoing.send(message, payload(10_000)), withCode('ERR_QUEUE_FULL'));
    assert.throws(() => outgoing.send(request, payload(10_000), 1), withCode('ERR_QUEUE_FULL'));
    let isDrained = false;
    void outgoing.drained().then(() => {
      isDrained = true;
    });
    await turn();
    assert.equal(isDrained, false);
    outgoing.onCredit(Lane.messages, 2 ** 30);
    await sent();
    assert.equal(isDrained, true);
    assert.equal(outgoing.queuedBytes, 0);
  });

  test('do not count against answers, which a full lane must not end', async () => {
    const { outgoing, sent, link } = outgoingWith({ messages: 1 }, { queueMaxBytes: 20_000 });
    outgoing.send(message, payload(10));
    outgoing.send(message, payload(19_000));
    outgoing.sendFreely(response, payload(15_000), 1);
    assert.equal((await sent()).length, 2);
    link.room = 0;
    outgoing.sendFreely(response, payload(10), 2);
    await turn();
    outgoing.sendFreely(response, payload(15_000), 3);
    assert.throws(() => outgoing.sendFreely(response, payload(15_000), 4), withCode('ERR_QUEUE_FULL'));
  });

  test('are what is left when the connection ends, behind what the link has not taken', async () => {
    const { outgoing, link } = outgoingWith({ messages: cost(100) + 1, requests: 1 });
    link.room = 1;
    outgoing.send(request, payload(10), 1);
    await turn();
    link.takeFrames();
    for (let index = 0; index < 4; index++) outgoing.send(message, payload(100, index));
    outgoing.send(request, payload(10), 2);
    for (const { bytes } of outgoing.takeWaiting()) link.pieces.push(bytes);
    const left = link.takeFrames().map(({ kind, body }) => [kind, kind === message ? body[0] : body[3]]);
    assert.deepEqual(left, [
      [message, 0],
      [message, 1],
      [message, 2],
      [message, 3],
      [request, 2],
    ]);
    assert.deepEqual([outgoing.queuedBytes, outgoing.heldBytes], [0, 0]);
  });
});

suite('the goodbye', () => {
  test('goes behind the messages that wait for the window, and is flushed with them', async () => {
    const { outgoing, sent } = outgoingWith({ messages: 1, requests: 1 });
    for (let index = 0; index < 3; index++) {
      outgoing.send(message, payload(100, index));
      outgoing.send(request, payload(100), index);
    }
    outgoing.sendLast(goodbye, payload(10).body);
    let isFlushed = false;
    void outgoing.flushed().then(() => {
      isFlushed = true;
    });
    const kinds = async (): Promise<number[]> => (await sent()).map(({ kind }) => kind);
    assert.deepEqual(await kinds(), [message, request]);
    outgoing.onCredit(Lane.messages, 2 ** 30);
    assert.deepEqual(await kinds(), [message, message]);
    assert.equal(isFlushed, false);
    outgoing.onCredit(Lane.requests, 2 ** 30);
    assert.deepEqual(await kinds(), [request, request, goodbye]);
    assert.equal(isFlushed, true);
  });

  test('is the last frame: no credit follows it', async () => {
    const { outgoing, sent } = outgoingWith({ messages: 1 });
    for (let index = 0; index < 2; index++) outgoing.send(message, payload(100, index));
    outgoing.sendLast(goodbye, payload(10).body);
    outgoing.credit(Lane.messages, 500);
    const kinds = async (): Promise<number[]> => (await sent()).map(({ kind }) => kind);
    assert.deepEqual(await kinds(), [credit, message], 'the goodbye still waits');
    outgoing.onCredit(Lane.messages, 2 ** 30);
    assert.deepEqual(await kinds(), [message, goodbye]);
    outgoing.credit(Lane.messages, 1_000);
    assert.deepEqual(await kinds(), []);
  });
});

test('credits overtake what waits; of each lane only the latest is sent', async () => {
  const { outgoing, link, sent } = outgoingWith({});
  link.room = 1;
  outgoing.send(message, payload(10));
  await sent();
  outgoing.send(message, payload(60_000));
  for (const position of [100, 200, 300]) outgoing.credit(Lane.requests, position);
  outgoing.credit(Lane.messages, 50);
  link.makeRoom();
  const [first, second, third, ...none] = await sent();
  assert.deepEqual([third!.kind, none], [message, []]);
  assert.deepEqual(
    [first!, second!].map(({ kind, body }) => [kind, decodeCredit(body)]),
    [
      [credit, { lane: Lane.messages, position: 50 }],
      [credit, { lane: Lane.requests, position: 300 }],
    ],
  );
});
