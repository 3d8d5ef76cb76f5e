import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LinkEnd } from '../../../src/channel/link-end.ts';
import { shareBytes } from '../../../src/channel/send/shared-bytes.ts';
import { FrameKind, smallFrame, writeFrameHeader } from '../../../src/wire/frames/frame.ts';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { decodeCredit, Lane } from '../../../src/wire/frames/windows.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';
import { dataFrame, hello, openChannel } from './open-channel.ts';

const windows = { messages: 1_000, requests: 1_000, protocols: 1_000 };
const protocols = ['lasting/1', 'fleeting/1'];
const session = { id: 'name', receivedBytes: 0, breaks: 0, resumed: false };

/** A frame of the protocol at a place of the hello, sent after so many breaks. */
function protocolFrame(place: number, text: string, breaks = 0): Uint8Array {
  const body = Buffer.from(text);
  const frame = smallFrame(FrameKind.protocol, body);
  writeFrameHeader(frame, 0, {
    kind: FrameKind.protocol,
    flags: 0,
    format: place,
    compression: breaks,
    length: body.length,
  });
  return frame;
}

const open = (options: Parameters<typeof openChannel>[0] = {}) =>
  openChannel({ hello: { ...hello, windows, protocols }, ...options });

const textsIn = (frames: Frame[]) =>
  frames
    .filter(({ kind }) => kind === FrameKind.protocol)
    .map(({ format, compression, body }) => [format, compression, Buffer.from(body).toString()]);

suite('frames of protocols', () => {
  test('are open once the connect handler was called, and closed with the connection', async () => {
    const { channel, told, link, handler } = open({ isStarted: false, rest: [protocolFrame(0, 'early')] });
    assert.equal(channel.sendProtocol('lasting/1', Buffer.from('x')), false);
    channel.start({ ...handler, connected: () => told.push('connected') > 0 });
    assert.deepEqual(told, ['connected', 'opened lasting/1', 'opened fleeting/1', 'lasting/1 early']);
    link.end();
    assert.equal(channel.sendProtocol('lasting/1', Buffer.from('x')), true, 'the end is not known yet');
    await turn();
    assert.deepEqual(told.slice(4), ['closed lasting/1', 'closed fleeting/1', 'closed lost by link']);
    assert.equal(channel.sendProtocol('lasting/1', Buffer.from('x')), false);
  });

  test('go out with the place of their protocol, whatever waits in the lanes of messages', async () => {
    const { channel, link } = open();
    for (let count = 0; count < 20; count++) channel.send('x'.repeat(100));
    channel.sendProtocol('fleeting/1', Buffer.from('a'));
    channel.sendProtocol('lasting/1', Buffer.from('b'));
    await turn();
    assert.deepEqual(textsIn(link.takeFrames()), [
      [1, 0, 'a'],
      [0, 0, 'b'],
    ]);
  });

  test('that are shared take their memory once, over however many connections they go', async () => {
    const bytes = new Uint8Array(1_000_000).fill(7);
    const held = async (isShared: boolean): Promise<number> => {
      const body = bytes.slice();
      if (isShared) shareBytes(body);
      const ends = Array.from({ length: 4 }, () => open());
      for (const { channel, link } of ends) {
        link.room = 0;
        channel.send('first');
        channel.sendProtocol('fleeting/1', body);
      }
      await turn();
      const heldBytes = ends.reduce((sum, { channel }) => sum + channel.heldBytes, 0);
      for (const { link } of ends) {
        link.makeRoom();
        await turn();
        const frames = link.takeFrames().filter(({ kind }) => kind === FrameKind.protocol);
        assert.deepEqual([frames.length, frames[0]!.format], [1, 1]);
        assert.ok(Buffer.from(frames[0]!.body).equals(body));
      }
      return heldBytes;
    };
    const [shared, alone] = [await held(true), await held(false)];
    assert.ok(shared < 1_500_000, `${shared} bytes`);
    assert.ok(alone > 4_000_000, `${alone} bytes`);
  });

  test('are handed on while a message handler runs', () => {
    const { link, told, behaviour } = open();
    behaviour.message = () => new Promise(() => {});
    link.onMessage(dataFrame(FrameKind.message, 'slow'));
    link.onMessage(protocolFrame(0, 'quick'));
    assert.deepEqual(told.slice(2), ['message slow', 'lasting/1 quick']);
  });

  test('that one side alone speaks are a breach, and so is one beyond the window', () => {
    for (const place of [2, 255]) {
      const { link, channel } = open();
      link.onMessage(protocolFrame(place, 'x'));
      assert.equal(channel.isOpen, false);
    }
    const { link, channel, behaviour } = open();
    behaviour.protocol = () => new Promise(() => {});
    for (let count = 0; count < 2; count++) link.onMessage(protocolFrame(0, 'x'.repeat(400)));
    assert.equal(channel.isOpen, true);
    link.onMessage(protocolFrame(0, 'x'));
    assert.equal(channel.isOpen, false);
  });

  test('count until the protocol is done with them, which extends the window', async () => {
    const { link, channel, behaviour } = open();
    const done = Promise.withResolvers<void>();
    behaviour.protocol = () => done.promise;
    const before = channel.heldBytes;
    link.onMessage(protocolFrame(0, 'x'.repeat(600)));
    assert.equal(channel.heldBytes - before, 856);
    done.resolve();
    await turn();
    assert.equal(channel.heldBytes, before);
    const credits = link.takeFrames().filter(({ kind }) => kind === FrameKind.credit);
    assert.deepEqual(
      credits.map(({ body }) => decodeCredit(body)),
      [{ lane: Lane.protocols, position: 1_856 }],
    );
  });

  test('beyond the window of the other side wait for its credit', async () => {
    const { channel, link } = open();
    for (let count = 0; count < 3; count++) channel.sendProtocol('lasting/1', new Uint8Array(400));
    await turn();
    assert.equal(textsIn(link.takeFrames()).length, 2);
  });

  test('longer than the other side takes are refused', () => {
    const { channel } = open();
    const tooLong = new Uint8Array(hello.maxMessageBytes + 1);
    assert.throws(() => channel.sendProtocol('lasting/1', tooLong), { code: 'ERR_MESSAGE_TOO_LARGE' });
  });

  suite('of a session whose link breaks', () => {
    const openSession = () =>
      open({ hello: { ...hello, windows, protocols, session }, direction: 'inbound' });
    type Opened = ReturnType<typeof openSession>;

    /** The other side has had everything; it broke so many times for it. */
    async function resume({ channel }: Opened, heardBytes: number, breaks: number): Promise<FakeLink> {
      const link = new FakeLink();
      const ours = channel.session!.freeze();
      channel.resumeOver({
        end: new LinkEnd(link),
        direction: 'inbound',
        version: 1,
        ours: { ...hello, windows, protocols, session: { ...ours, resumed: true } },
        theirs: {
          ...hello,
          windows,
          protocols,
          session: { id: 'name', receivedBytes: heardBytes, breaks, resumed: false },
        },
        takeRest: () => [],
      });
      await turn();
      return link;
    }

    test('go on where they outlive links; for others each link is a connection', async () => {
      const opened = openSession();
      const { channel, told, link } = opened;
      link.end();
      await turn();
      assert.deepEqual(told.splice(0), [
        'opened lasting/1',
        'opened fleeting/1',
        'closed fleeting/1',
        'suspended lost',
      ]);
      assert.equal(channel.sendProtocol('fleeting/1', Buffer.from('lost')), false);
      channel.sendProtocol('lasting/1', Buffer.from('kept'));
      const next = await resume(opened, 0, 1);
      assert.deepEqual(told.splice(0), ['resumed', 'opened fleeting/1']);
      channel.sendProtocol('fleeting/1', Buffer.from('new'));
      await turn();
      assert.deepEqual(textsIn(next.takeFrames()), [
        [0, 1, 'kept'],
        [1, 1, 'new'],
      ]);
    });

    test('are dropped where they were sent over an earlier link, which the count of breaks tells', async () => {
      const opened = openSession();
      opened.link.end();
      await turn();
      const next = await resume(opened, 0, 257);
      opened.told.splice(0);
      for (const [place, text, breaks] of [
        [1, 'old', 0],
        [0, 'late', 0],
        [1, 'new', 1],
      ] as const) {
        next.onMessage(protocolFrame(place, text, breaks));
      }
      assert.deepEqual(opened.told, ['lasting/1 late', 'fleeting/1 new']);
    });
  });
});
