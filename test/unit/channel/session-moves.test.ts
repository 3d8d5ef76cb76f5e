import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LinkEnd } from '../../../src/channel/link-end.ts';
import { FrameKind, positionBody, positionOf, smallFrame } from '../../../src/wire/frames/frame.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';
import { dataFrame, hello, openChannel } from './open-channel.ts';

const session = { id: 'name', receivedBytes: 0, breaks: 0, resumed: false, moves: true };

const carry = (position: number): Uint8Array => smallFrame(FrameKind.carry, positionBody(position));

/** A link that may be given so many bytes. */
class LimitedLink extends FakeLink {
  allowance: number;

  constructor(allowance: number) {
    super();
    this.allowance = allowance;
  }

  override send(bytes: Uint8Array, sent?: () => void): boolean {
    this.allowance -= bytes.length;
    return super.send(bytes, sent);
  }
}

function open(what: Partial<typeof session> = {}, link = new FakeLink()) {
  const theirs = { ...hello, session: { ...session, ...what } };
  const opened = openChannel({ hello: theirs, link });
  /** The handshake over another link is done. */
  const moveTo = (next: FakeLink): void =>
    opened.channel.moveTo({
      end: new LinkEnd(next),
      direction: 'outbound',
      ours: theirs,
      theirs,
      version: 1,
      takeRest: () => [],
    });
  return { ...opened, moveTo };
}

const carriesOf = (link: FakeLink): number[] =>
  link
    .takeFrames()
    .filter(({ kind }) => kind === FrameKind.carry)
    .map(({ body }) => positionOf(body));

/** What the other side sends: frames that count, with one of the link among them. */
const large = dataFrame(FrameKind.message, 'l'.repeat(30));
const first = dataFrame(FrameKind.message, 'one');
const acknowledgement = smallFrame(FrameKind.acknowledge, positionBody(0));
const last = dataFrame(FrameKind.message, 'two');
const counted = Buffer.concat([first, large, last]);
const all = Buffer.concat([first, acknowledgement, large, last]);

suite('a session that moves', () => {
  test('leaves a link at any byte, passes over what that still brings, and can return to it', async () => {
    for (let cut = 0; cut <= all.length; cut++) {
      const { link, channel, told, moveTo } = open();
      link.onMessage(all.subarray(0, cut));
      const next = new FakeLink();
      moveTo(next);
      const [position] = carriesOf(next);
      assert.ok(position !== undefined && position <= counted.length, `${position}`);
      next.onMessage(Buffer.concat([carry(0), counted.subarray(position, position + 20)]));
      link.onMessage(all.subarray(cut));
      next.end(new Error('broke'));
      await turn();
      const [again] = carriesOf(link);
      assert.ok(again! >= position);
      for (const byte of Buffer.concat([carry(0), counted.subarray(again)]))
        link.onMessage(Uint8Array.of(byte));
      await turn();
      assert.deepEqual(
        told.filter((one) => one.startsWith('message')),
        ['message one', `message ${'l'.repeat(30)}`, 'message two'],
        `cut at ${cut}`,
      );
      assert.equal(channel.isSuspended, false);
    }
  });

  test('sends on the new link what the other side lacks, in the middle of a frame', async () => {
    const { link, channel, moveTo } = open();
    for (const text of ['one', 'two', 'three']) channel.send(text);
    await turn();
    const sent = Buffer.concat(link.pieces);
    const next = new FakeLink();
    moveTo(next);
    channel.send('four');
    await turn();
    assert.deepEqual(carriesOf(next), [0], 'and nothing else, until the other side has said what it lacks');
    assert.equal(link.takeFrames().length, 3);
    next.onMessage(carry(15));
    const again = Buffer.concat(next.pieces);
    assert.deepEqual(again.subarray(0, sent.length - 15), sent.subarray(15));
    assert.ok(again.includes('four'));
  });

  test('returns by itself when the new link stays silent, and answers when the other side returns', async () => {
    const { link, runtime, moveTo, told } = open();
    const silent = new FakeLink();
    moveTo(silent);
    await runtime.advance(4_999);
    assert.deepEqual([silent.endings, carriesOf(link)], [[], []]);
    await runtime.advance(1);
    assert.deepEqual([silent.endings, carriesOf(link)], [['destroy'], [0]]);
    link.onMessage(carry(0));
    const next = new FakeLink();
    moveTo(next);
    next.onMessage(carry(0));
    link.onMessage(Buffer.concat([carry(0), first]));
    assert.deepEqual([next.endings, carriesOf(link), told], [['destroy'], [0], ['message one']]);
    // It was never left, as far as this side knows.
    link.onMessage(carry(0));
    assert.deepEqual(carriesOf(link), [first.length]);
  });

  test('reads the new link though it is paused, until that carries it', async () => {
    const { link, channel, moveTo } = open();
    channel.session!.pause();
    assert.equal(link.isPaused, true);
    const next = new FakeLink();
    moveTo(next);
    assert.deepEqual([link.isPaused, next.isPaused], [false, false]);
    next.onMessage(carry(0));
    assert.equal(next.isPaused, true);
  });

  test('gives a link no more than its allowance, and the rest to the next one; nothing comes in the middle of a frame', async () => {
    const limited = new LimitedLink(1_000);
    const { link, channel, runtime, moveTo } = open({}, limited);
    channel.send('x'.repeat(5_000));
    await turn();
    assert.equal(Buffer.concat(link.pieces).length, 1_000);
    link.onMessage(first);
    await runtime.advance(60);
    assert.equal(Buffer.concat(link.pieces).length, 1_000, 'not even an acknowledgement');
    const next = new FakeLink();
    moveTo(next);
    next.onMessage(carry(1_000));
    const [said, ...rest] = next.pieces;
    assert.equal(said!.length, 16);
    const [message, acknowledged] = [rest[0]!, Buffer.concat(rest.slice(1))];
    assert.deepEqual([message.length, message[0]], [5_008 - 1_000, 'x'.charCodeAt(0)]);
    assert.deepEqual(
      acknowledged,
      Buffer.from(smallFrame(FrameKind.acknowledge, positionBody(first.length))),
    );
  });

  test('moves on while it closes, if that is the way for what still waits', async () => {
    const limited = new LimitedLink(1_000);
    const { channel, moveTo } = open({}, limited);
    channel.send('x'.repeat(5_000));
    channel.close({ code: 'disconnected', message: '' });
    await turn();
    const next = new FakeLink();
    moveTo(next);
    next.onMessage(carry(1_000));
    await turn();
    assert.ok(Buffer.concat(next.pieces).includes('"disconnected"'));
    assert.deepEqual(next.endings, ['close 5000']);
  });

  test('has at most two links, and ends with both', async () => {
    const { link, channel, moveTo } = open();
    const [second, third] = [new FakeLink(), new FakeLink()];
    moveTo(second);
    second.onMessage(carry(0));
    moveTo(third);
    assert.deepEqual(link.endings, ['destroy']);
    third.onMessage(carry(0));
    channel.close({ code: 'disconnected', message: '' });
    await turn();
    third.end();
    await turn();
    assert.deepEqual(second.endings, ['destroy']);
  });

  test('ends with a peer that breaks its rules, and with no other', async () => {
    const wrong = [
      carry(1),
      smallFrame(FrameKind.carry, new Uint8Array(7)),
      smallFrame(FrameKind.carry, new Uint8Array(8).fill(255)),
    ];
    for (const frame of wrong) {
      const { told, moveTo } = open();
      const next = new FakeLink();
      moveTo(next);
      next.onMessage(frame);
      next.end();
      await turn();
      assert.deepEqual(told.slice(0, 1), ['closed protocol by us']);
    }
    const { link, told } = open({ moves: false });
    link.onMessage(carry(0));
    link.end();
    await turn();
    assert.deepEqual(told.slice(0, 1), ['closed protocol by us'], 'the session cannot move');
  });
});
