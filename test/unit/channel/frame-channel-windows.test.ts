import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { FrameKind, idBody, smallFrame } from '../../../src/wire/frames/frame.ts';
import { decodeGoodbye } from '../../../src/wire/frames/goodbye.ts';
import { encodeStreamOpen } from '../../../src/wire/frames/stream-frames.ts';
import { creditBody, decodeCredit, Lane } from '../../../src/wire/frames/windows.ts';
import { encodePayload } from '../../../src/wire/payloads/payload.ts';
import type { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';
import { dataFrame, hello, kindsOf, openChannel } from './open-channel.ts';

const { message, deliver, delivered, request, response, credit, goodbye } = FrameKind;

/** What a message of 144 bytes costs is 400. */
const text = 'x'.repeat(144);
const windows = { messages: 2_000, requests: 2_000, protocols: 2_000 };

function narrowChannel() {
  return openChannel({ hello: { ...hello, windows } });
}

/** The credits among what was sent, which is forgotten. */
const creditsOf = (link: FakeLink) =>
  link
    .takeFrames()
    .filter(({ kind }) => kind === credit)
    .map(({ body }) => decodeCredit(body));

function streamOpening(header: string): Uint8Array {
  const { body, format } = encodeStreamOpen(1_000, encodePayload(header));
  return dataFrame(FrameKind.streamOpen, new Uint8Array(body), { id: 2, format });
}

suite('the window of messages', () => {
  test('is extended as handlers are done, in lots', async () => {
    const { link } = narrowChannel();
    link.onMessage(dataFrame(message, text));
    link.onMessage(dataFrame(message, text));
    await turn();
    assert.deepEqual(creditsOf(link), []);
    link.onMessage(dataFrame(message, text));
    await turn();
    assert.deepEqual(creditsOf(link), [{ lane: Lane.messages, position: 3_200 }]);
  });

  test('counts what cannot be decoded too', async () => {
    const { link } = narrowChannel();
    for (let count = 0; count < 3; count++) link.onMessage(dataFrame(message, text, { format: 99 }));
    await turn();
    assert.deepEqual(creditsOf(link), [{ lane: Lane.messages, position: 3_200 }]);
  });

  test('is not extended while a handler runs, and a message beyond it is a breach', async () => {
    const { link, channel, told, behaviour } = narrowChannel();
    behaviour.message = () => new Promise(() => {});
    for (let count = 0; count < 5; count++) link.onMessage(dataFrame(message, text));
    assert.ok(channel.isOpen);
    assert.equal(link.isPaused, false);
    link.onMessage(dataFrame(message, text));
    assert.equal(channel.isOpen, false);
    assert.deepEqual(told, [`message ${text}`]);
    const [farewell] = link.takeFrames();
    assert.equal(decodeGoodbye(farewell!.body).code, 'protocol');
    assert.match(decodeGoodbye(farewell!.body).message, /beyond the window/);
  });

  test('holds one message that is larger than it', async () => {
    const { link, channel, behaviour } = narrowChannel();
    const first = Promise.withResolvers<boolean>();
    behaviour.message = () => first.promise;
    link.onMessage(dataFrame(message, text));
    link.onMessage(dataFrame(message, 'x'.repeat(50_000)));
    assert.ok(channel.isOpen);
    first.resolve(true);
    await turn();
    assert.deepEqual(creditsOf(link), [{ lane: Lane.messages, position: 400 + 50_256 + 2_000 }]);
  });

  test('is full: requests, streams, answers and pings go on', async () => {
    const { link, channel, told, behaviour } = narrowChannel();
    behaviour.message = () => new Promise(() => {});
    for (let count = 0; count < 5; count++) link.onMessage(dataFrame(message, text));
    const asked = channel.request('question');
    await turn();
    const [question] = link.takeFrames();
    link.onMessage(dataFrame(response, 'answer', { id: question!.body[3]! }));
    assert.equal(await asked, 'answer');
    link.onMessage(dataFrame(request, 'and you?', { id: 1 }));
    link.onMessage(smallFrame(FrameKind.ping, idBody(2)));
    link.onMessage(streamOpening('a stream'));
    await turn();
    assert.deepEqual(told, [`message ${text}`, 'request and you?']);
    // The stream is refused, since the test handles none: at once.
    assert.deepEqual(kindsOf(link), [FrameKind.pong, FrameKind.streamAbort, response]);
  });

  test('is extended for what is dropped, so that the other side can say goodbye', async () => {
    const { link, channel, behaviour } = narrowChannel();
    behaviour.message = () => new Promise(() => {});
    for (let count = 0; count < 5; count++) link.onMessage(dataFrame(message, text));
    // What waits to go out keeps the goodbye back.
    for (let count = 0; count < 6; count++) channel.send(text);
    await turn();
    link.takeFrames();
    channel.close({ code: 'stopped', message: 'enough' });
    await turn();
    assert.deepEqual(creditsOf(link), [{ lane: Lane.messages, position: 4 * 400 + 2_000 }]);
    for (let count = 0; count < 3; count++) link.onMessage(dataFrame(message, text));
    await turn();
    assert.deepEqual(creditsOf(link), [{ lane: Lane.messages, position: 7 * 400 + 2_000 }]);
    link.onMessage(smallFrame(credit, creditBody(Lane.messages, 10_000)));
    await turn();
    assert.deepEqual(kindsOf(link), [message, goodbye]);
  });
});

test('the window of requests is extended for those that are dropped, so that the other side can say goodbye', async () => {
  const { link, channel, told } = narrowChannel();
  // What waits to go out keeps the goodbye back.
  for (let count = 0; count < 6; count++) channel.send(text);
  await turn();
  link.takeFrames();
  channel.close({ code: 'stopped', message: 'enough' });
  for (let id = 1; id <= 4; id++) link.onMessage(dataFrame(request, text, { id }));
  await turn();
  const credits = creditsOf(link);
  assert.deepEqual(
    credits.map(({ lane }) => lane),
    [Lane.requests],
  );
  assert.ok(credits[0]!.position > 3_000, `${credits[0]!.position}`);
  assert.deepEqual(told, []);
});

suite('requests', () => {
  const limits = { maxRequests: 3 };

  /** Requests whose handlers settle when the test says so. */
  function slowRequests() {
    const scene = openChannel({
      limits,
      hello: { ...hello, windows: { messages: 2_000, requests: 4_000, protocols: 2_000 } },
    });
    const running: PromiseWithResolvers<Data>[] = [];
    scene.behaviour.request = () => {
      const run = Promise.withResolvers<Data>();
      running.push(run);
      return run.promise;
    };
    const ask = (id: number): void => scene.link.onMessage(dataFrame(request, text, { id }));
    return { ...scene, running, ask };
  }

  test('run side by side, so many at once; the others wait and count', async () => {
    const { ask, running, channel, told } = slowRequests();
    for (let id = 1; id <= 8; id++) ask(id);
    await turn();
    assert.equal(running.length, 3);
    assert.ok(channel.heldBytes >= 8 * 144);
    running[1]!.resolve('done');
    await turn();
    assert.equal(running.length, 4);
    running[0]!.resolve('done');
    running[2]!.reject(new Error('failed'));
    running[3]!.resolve('done');
    await turn();
    assert.equal(running.length, 7);
    for (const run of running) run.resolve('done');
    await turn();
    running[7]!.resolve('done');
    await turn();
    assert.equal(channel.heldBytes, 0);
    assert.equal(told.length, 8);
  });

  test('beyond their window are a breach, and it is extended as their handlers settle', async () => {
    const { ask, running, channel, link } = slowRequests();
    for (let id = 1; id <= 5; id++) ask(id);
    assert.deepEqual(creditsOf(link), []);
    for (const run of running) run.resolve('done');
    await turn();
    for (const run of running) run.resolve('done');
    await turn();
    // Each costs 4 bytes more, for its number.
    assert.deepEqual(creditsOf(link), [{ lane: Lane.requests, position: 5 * 404 + 4_000 }]);
    for (let id = 1; id <= 10; id++) ask(id);
    assert.ok(channel.isOpen);
    ask(11);
    assert.equal(channel.isOpen, false);
  });

  test('that wait are handled no more once the link has ended', async () => {
    const { ask, running, link, told } = slowRequests();
    for (let id = 1; id <= 5; id++) ask(id);
    link.end();
    await turn();
    for (const run of running) run.resolve('done');
    await turn();
    assert.equal(running.length, 3);
    assert.equal(told.at(-1), 'closed lost by link');
  });

  test('and streams are handed on while the connect handler runs, and messages wait for it', async () => {
    const { channel, link, told, handler } = openChannel({ isStarted: false });
    const connected = Promise.withResolvers<boolean>();
    link.onMessage(dataFrame(message, 'early'));
    link.onMessage(dataFrame(request, 'early', { id: 1 }));
    link.onMessage(streamOpening('early'));
    channel.start({
      ...handler,
      connected: () => {
        told.push('connected');
        return connected.promise;
      },
      stream: (header) => {
        told.push(`stream ${header}`);
        return undefined;
      },
    });
    link.onMessage(dataFrame(request, 'later', { id: 3 }));
    assert.equal(told[0], 'connected');
    assert.deepEqual(told.slice(1).sort(), ['request early', 'request later', 'stream early']);
    connected.resolve(true);
    await turn();
    assert.equal(told.at(-1), 'message early');
  });
});

suite('a handler that runs for 10 s is told, with what waits for it:', () => {
  test('that of a message', async () => {
    const { link, told, behaviour, runtime } = openChannel();
    behaviour.message = () => new Promise(() => {});
    for (let count = 0; count < 4; count++) link.onMessage(dataFrame(message, text));
    await runtime.advance(30_000);
    assert.deepEqual(told.slice(1), ['slow message, 3 wait, 0 deliveries']);
  });

  test('one that awaits a delivery to the same node', async () => {
    const { link, channel, told, behaviour, runtime } = openChannel();
    const before = channel.deliver('before');
    before.catch(() => {});
    await runtime.advance(1);
    behaviour.message = async () => {
      await channel.deliver('inside', { timeoutMs: 60_000 });
      return true;
    };
    link.onMessage(dataFrame(message, text));
    await runtime.advance(10_000);
    assert.deepEqual(told.slice(1), ['slow message, 0 wait, 1 deliveries']);
    await turn();
    const [, inside] = link.takeFrames();
    assert.equal(inside!.kind, deliver);
    link.onMessage(smallFrame(delivered, inside!.body.slice(0, 4)));
    await turn();
    link.onMessage(dataFrame(message, text));
    await runtime.advance(10_000);
    assert.equal(told.at(-1), 'slow message, 0 wait, 1 deliveries');
  });

  test('that of the connection', async () => {
    const { channel, told, handler, runtime } = openChannel({ isStarted: false });
    channel.start({ ...handler, connected: () => new Promise(() => {}) });
    await runtime.advance(10_000);
    assert.deepEqual(told, ['slow connected, 0 wait, 0 deliveries']);
  });

  test('those of requests, when others wait for them', async () => {
    const { link, told, behaviour, runtime } = openChannel({ limits: { maxRequests: 2 } });
    behaviour.request = () => new Promise(() => {});
    link.onMessage(dataFrame(request, text, { id: 1 }));
    await runtime.advance(20_000);
    assert.equal(told.length, 1);
    for (const id of [2, 3, 4]) link.onMessage(dataFrame(request, text, { id }));
    await runtime.advance(10_000);
    assert.equal(told.at(-1), 'slow request, 2 wait, 0 deliveries');
  });
});
