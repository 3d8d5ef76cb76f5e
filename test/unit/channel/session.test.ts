import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LinkEnd } from '../../../src/channel/link-end.ts';
import { Session } from '../../../src/channel/session/session.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import {
  FrameKind,
  frameHeaderBytes,
  positionBody,
  positionOf,
  smallFrame,
} from '../../../src/wire/frames/frame.ts';
import { FrameSkimmer } from '../../../src/wire/frames/frame-skimmer.ts';
import { encodeGoodbye, goodbye } from '../../../src/wire/frames/goodbye.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { HoldingLink } from '../../support/holding-link.ts';
import { turn } from '../../support/turns.ts';
import { dataFrame, hello, kindsOf, openChannel } from './open-channel.ts';

const kibibyte = 1024;

/** A session whose channel counts bytes, each of which is whole. */
function open(link = new FakeLink()) {
  const runtime = new VirtualRuntime();
  const session = new Session('name', new LinkEnd(link), { runtime, queueMaxBytes: 1024 * kibibyte });
  const told: string[] = [];
  const user = {
    readBytes: 0,
    wholeBytes: 0,
    overflowed: () => void told.push('overflowed'),
    acknowledged: () => void told.push('acknowledged'),
    leftLink: () => new FrameSkimmer(),
    failed: (error: unknown) => void told.push(`failed ${(error as Error).message}`),
    suspended: (error: Error | undefined) => void told.push(`suspended ${error?.message}`),
    resumed: () => void told.push('resumed'),
  };
  session.user = user;
  session.onMessage = (bytes) => {
    user.readBytes += bytes.length;
    user.wholeBytes = user.readBytes;
  };
  const resume = (receivedBytes: number, rest: Uint8Array[] = []): FakeLink => {
    const next = new FakeLink();
    session.resumeOver(
      new LinkEnd(next),
      { receivedBytes: user.readBytes, breaks: session.breaks },
      receivedBytes,
      rest,
    );
    return next;
  };
  return { runtime, link, session, told, user, resume };
}

const acknowledgedOver = (link: FakeLink): number[] =>
  link.takeFrames().map(({ kind, body }) => {
    assert.equal(kind, FrameKind.acknowledge);
    return positionOf(body);
  });

const sentBy = (link: FakeLink): string => Buffer.concat(link.pieces).toString();

/** What the processor had to do; other programs do not count. */
function computedMs(what: () => void): number {
  const before = process.cpuUsage();
  what();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

suite('after a break', () => {
  test('goes on in the middle of a piece, and sends what came meanwhile behind it', async () => {
    const { link, session, told, resume } = open();
    for (const text of ['one ', 'two ', 'three ']) session.send(Buffer.from(text));
    link.end(new Error('cut'));
    await turn();
    assert.equal(session.send(Buffer.from('four')), false, 'there is no room');
    assert.deepEqual([session.isSuspended, told], [true, ['suspended cut']]);
    const next = resume(6);
    assert.equal(sentBy(next), 'o three four');
    assert.deepEqual(told.slice(1), ['resumed']);
  });

  test('keeps nothing that was acknowledged, and gives its memory back', async () => {
    const { session, told, resume } = open();
    const free: number[] = [];
    const length = 10_000;
    for (const index of [1, 2, 3]) session.send(new Uint8Array(length), () => void free.push(index));
    assert.deepEqual([free, session.keptBytes], [[], 3 * (length + 128)]);
    const position = 2.5 * length;
    session.onAcknowledged(position, 0);
    session.onAcknowledged(position - 1, 0);
    assert.deepEqual([free, session.keptBytes], [[1, 2], length + 128]);
    assert.deepEqual(told, ['acknowledged'], 'what is no higher is passed over');
    assert.deepEqual(
      [position - 1, position, 3 * length, 3 * length + 1].map((one) => session.canResumeAt(one)),
      [false, true, true, false],
    );
    assert.deepEqual(
      resume(position).pieces.map((piece) => piece.length),
      [length / 2],
    );
  });

  test('holds back for a full link, and wakes who waits when there is room again', async () => {
    const { session, resume, link } = open();
    link.end();
    await turn();
    for (let index = 0; index < 5; index++) session.send(new Uint8Array(5_000).fill(index));
    let isDrained = false;
    void session.drained().then(() => {
      isDrained = true;
    });
    const next = new FakeLink();
    next.room = 2;
    session.resumeOver(new LinkEnd(next), { receivedBytes: 0, breaks: 1 }, 0, []);
    await turn();
    assert.deepEqual([next.pieces.length, isDrained], [2, false]);
    next.makeRoom();
    await turn();
    assert.deepEqual(
      next.pieces.map((piece) => piece[0]),
      [0, 1, 2, 3, 4],
    );
    assert.equal(isDrained, true);
    assert.equal(resume(25_000).pieces.length, 0);
  });

  test('stays paused, and hears no link but the last', async () => {
    const { link, session, user, resume } = open();
    session.pause();
    const next = resume(0, [Buffer.from('rest')]);
    assert.deepEqual([next.isPaused, user.readBytes, link.endings], [true, 4, ['destroy']]);
    link.onMessage(Buffer.from('late'));
    assert.equal(user.readBytes, 4);
    session.resume();
    assert.equal(next.isPaused, false);
  });

  test('does not go on where the sides disagree', async () => {
    const { session, user } = open();
    session.send(new Uint8Array(3));
    user.readBytes = 7;
    const disagree = withCode('ERR_PROTOCOL');
    for (const [promised, receivedBytes] of [
      [{ receivedBytes: 6, breaks: 0 }, 3],
      [{ receivedBytes: 7, breaks: 0 }, 4],
      [{ receivedBytes: 7, breaks: 1 }, 3],
    ] as const) {
      assert.throws(
        () => session.resumeOver(new LinkEnd(new FakeLink()), promised, receivedBytes, []),
        disagree,
      );
    }
    assert.throws(() => session.onAcknowledged(4, 0), disagree);
    assert.equal(session.isSuspended, false);
  });

  test('ends at once when it is closed meanwhile', async () => {
    for (const end of ['close', 'destroy'] as const) {
      const { link, session } = open();
      link.end();
      await turn();
      session[end](1_000);
      assert.equal(await session.closed, undefined);
      assert.equal(session.canResumeAt(0), false);
    }
  });
});

suite('memory of what was sent', () => {
  const length = 10_000;
  const sendOver = (session: Session, free: number[]): void => {
    for (const index of [1, 2, 3]) session.send(new Uint8Array(length), () => void free.push(index));
  };

  test('comes back once it is acknowledged and the link is done with it, whichever comes first', () => {
    const link = new HoldingLink();
    const { session } = open(link);
    const free: number[] = [];
    sendOver(session, free);
    session.onAcknowledged(2 * length, 0);
    assert.deepEqual(free, [], 'a peer says it has what no link has sent');
    link.transmit(1);
    assert.deepEqual(free, [1]);
    link.transmit();
    assert.deepEqual(free, [1, 2]);
    session.onAcknowledged(3 * length, 0);
    assert.deepEqual(free, [1, 2, 3]);
  });

  test('never comes back where a link held it that has ended, whatever is acknowledged over the next one', async () => {
    const link = new HoldingLink();
    const { session, resume } = open(link);
    const free: number[] = [];
    sendOver(session, free);
    link.transmit(1);
    link.end();
    await turn();
    resume(length);
    session.onAcknowledged(3 * length, 0);
    assert.deepEqual(free, [1], 'the second and the third the first link may still read');
  });

  test('comes back to the pool of blocks under the same conditions', () => {
    const link = new HoldingLink();
    const { session } = open(link);
    const small = new Uint8Array(1_000).fill(1);
    for (let count = 0; count < 40; count++) session.send(small);
    const blocks = new Set(link.heldMemory);
    session.onAcknowledged(40 * small.length, 0);
    for (let count = 0; count < 40; count++) session.send(small.fill(2));
    link.assertIntact();
    link.transmit();
    session.onAcknowledged(80 * small.length, 0);
    for (let count = 0; count < 80; count++) session.send(small);
    assert.ok(
      link.heldMemory.some((memory) => blocks.has(memory)),
      'they are used again',
    );
  });
});

suite('what is kept', () => {
  test('small pieces lie behind each other, in memory that is counted and told of', () => {
    const { session, resume } = open();
    const grown: number[] = [];
    session.onGrowth = (bytes) => void grown.push(bytes);
    const sent = Buffer.concat(
      Array.from({ length: 3_000 }, (_, index) => {
        const piece = Buffer.from(`${index},`);
        session.send(piece);
        return piece;
      }),
    );
    const block = 16 * kibibyte + 128;
    assert.deepEqual([session.keptBytes, grown.filter((bytes) => bytes > 0)], [block, [block]]);
    let added = '';
    for (const position of [0, 1, 5_000, sent.length - 1]) {
      const next = resume(position);
      session.send(Buffer.from('!'));
      added += '!';
      assert.equal(sentBy(next), sent.subarray(position) + added);
    }
    const position = sent.length + added.length;
    session.onAcknowledged(position, 0);
    assert.equal(session.keptBytes, 0);
    session.send(Buffer.from('next'));
    assert.equal(sentBy(resume(position)), 'next');
  });

  test('acknowledgements piece by piece cost no more than what they acknowledge', () => {
    const { session, link } = open();
    const piece = new Uint8Array(12);
    const count = 300_000;
    const sending = computedMs(() => {
      for (let index = 0; index < count; index++) session.send(piece);
    });
    link.pieces.length = 0;
    const acknowledging = computedMs(() => {
      for (let position = 12; position <= 12 * count; position += 12) session.onAcknowledged(position, 16);
    });
    assert.ok(acknowledging < 10 * sending, `${acknowledging} ms, for what took ${sending} ms to send`);
    assert.equal(session.keptBytes, 0);
  });

  test('goes out when it is closed as fast as the link takes it, and no longer than it may', async () => {
    const { session, link, runtime } = open();
    link.room = 1;
    for (let index = 0; index < 4; index++) session.send(new Uint8Array(5_000).fill(index));
    session.close(1_000);
    assert.deepEqual([link.pieces.length, link.endings], [1, []]);
    link.makeRoom(2);
    await turn();
    assert.deepEqual([link.pieces.length, link.endings], [3, []]);
    link.makeRoom();
    await turn();
    assert.deepEqual([link.pieces.length, link.endings], [4, ['close 1000']]);
    await runtime.advance(1_000);
    assert.deepEqual(link.endings, ['close 1000', 'destroy']);
  });

  test('keeps no large memory for a small piece', () => {
    const { session, resume } = open();
    const chunk = new Uint8Array(65_536).fill(1);
    let isFree = false;
    session.send(chunk.subarray(0, 5_000), () => {
      isFree = true;
    });
    assert.equal(isFree, true);
    chunk.fill(2);
    assert.deepEqual(resume(0).pieces, [new Uint8Array(5_000).fill(1)]);
  });

  test('has an end where the other side acknowledges nothing, be the pieces large or tiny', () => {
    for (const length of [12, 64 * kibibyte]) {
      const { session, told, link } = open();
      const piece = new Uint8Array(length);
      let bytes = 0;
      while (told.length === 0 && bytes < 2 ** 25) {
        session.send(piece);
        link.pieces.length = 0;
        bytes += length;
      }
      assert.deepEqual(told, ['overflowed']);
      assert.ok(bytes > 16.8 * 1024 * kibibyte && bytes <= 17 * 1024 * kibibyte, `${bytes} bytes`);
      session.send(new Uint8Array(length));
      assert.equal(told.length, 1);
    }
  });
});

suite('acknowledgements', () => {
  test('go out after 256 KiB, or 50 ms, and are neither kept nor acknowledged', async () => {
    const { runtime, link, session } = open();
    link.onMessage(new Uint8Array(256 * kibibyte));
    assert.deepEqual(acknowledgedOver(link), [256 * kibibyte]);
    link.onMessage(new Uint8Array(10));
    await runtime.advance(50);
    assert.deepEqual(acknowledgedOver(link), [256 * kibibyte + 10]);
    session.onMessage = (bytes) => session.onAcknowledged(0, bytes.length);
    link.onMessage(new Uint8Array(16));
    await runtime.advance(1_000);
    assert.deepEqual([link.pieces, runtime.pending, session.keptBytes], [[], [], 0]);
  });

  test('come within 50 ms of the first byte that is not acknowledged', async () => {
    const { runtime, link } = open();
    link.onMessage(new Uint8Array(10));
    await runtime.advance(49);
    link.onMessage(new Uint8Array(10));
    assert.deepEqual(link.pieces, []);
    await runtime.advance(1);
    assert.deepEqual(acknowledgedOver(link), [20]);
  });

  test('wait for what is only half there', async () => {
    const { runtime, link, session, user } = open();
    session.onMessage = (bytes) => {
      user.readBytes += bytes.length;
    };
    link.onMessage(new Uint8Array(300 * kibibyte));
    await runtime.advance(1_000);
    assert.deepEqual(link.pieces, []);
    user.wholeBytes = user.readBytes;
    link.onMessage(new Uint8Array(1));
    assert.deepEqual(acknowledgedOver(link), [300 * kibibyte]);
  });

  test('are said anew after a break, behind what goes on in the middle of a frame', async () => {
    const { link, session, resume } = open();
    session.send(Buffer.from('three '));
    link.onMessage(new Uint8Array(256 * kibibyte));
    link.end();
    await turn();
    const next = resume(2);
    assert.equal(Buffer.from(next.pieces.shift()!).toString(), 'ree ');
    assert.deepEqual(acknowledgedOver(next), [256 * kibibyte]);
    assert.deepEqual(acknowledgedOver(resume(6)), [256 * kibibyte], 'each time');
  });

  test('are one, however much arrives, while the link takes nothing', async () => {
    const { runtime, link, session } = open();
    link.room = 1;
    session.send(new Uint8Array(1));
    for (let index = 0; index < 1_000; index++) {
      link.onMessage(new Uint8Array(256 * kibibyte));
      await runtime.advance(100);
    }
    assert.equal(link.pieces.splice(0).length, 1);
    link.makeRoom();
    await turn();
    assert.deepEqual(acknowledgedOver(link), [1_000 * 256 * kibibyte]);
  });
});

suite('a channel over a session', () => {
  const session = { id: 'name', receivedBytes: 0, breaks: 0, resumed: false };
  const openSession = (limits = {}) =>
    openChannel({ limits, hello: { ...hello, session }, direction: 'inbound' });
  const acknowledge = (position: number) => smallFrame(FrameKind.acknowledge, positionBody(position));

  test('reports a break once what arrived before it is handled', async () => {
    const { link, channel, told, behaviour } = openSession();
    const handled = Promise.withResolvers<boolean>();
    behaviour.message = () => handled.promise;
    link.onMessage(dataFrame(FrameKind.message, 'slow'));
    link.end();
    await turn();
    assert.deepEqual([channel.isOpen, channel.isSuspended, told], [true, true, ['message slow']]);
    handled.resolve(true);
    await turn();
    assert.deepEqual(told.slice(1), ['suspended lost']);
  });

  test('reports no break that is over by then, and one that lasts once, however many there were', async () => {
    const opened = openSession();
    const { channel, told, behaviour } = opened;
    let { link } = opened;
    const resume = (): void => {
      const at = (receivedBytes: number) => ({
        ...hello,
        session: { ...session, receivedBytes, breaks: channel.session!.breaks, resumed: true },
      });
      const ours = at(channel.session!.heardBytes);
      link = new FakeLink();
      channel.resumeOver({
        end: new LinkEnd(link),
        direction: 'inbound',
        version: 1,
        ours,
        theirs: at(0),
        takeRest: () => [],
      });
    };
    const cut = async (): Promise<void> => {
      link.end();
      await turn();
    };
    let handled = Promise.withResolvers<boolean>();
    behaviour.message = () => handled.promise;
    link.onMessage(dataFrame(FrameKind.message, 'slow'));
    await cut();
    resume();
    handled.resolve(true);
    await turn();
    assert.deepEqual([channel.isSuspended, told], [false, ['message slow']], 'neither the break nor its end');

    handled = Promise.withResolvers();
    link.onMessage(dataFrame(FrameKind.message, 'slow again'));
    for (let breaks = 0; breaks < 3; breaks++) {
      if (breaks > 0) resume();
      await cut();
    }
    handled.resolve(true);
    await turn();
    assert.deepEqual(told.slice(1), ['message slow again', 'suspended lost']);
    resume();
    assert.deepEqual(told.slice(3), ['resumed']);
    await cut();
    assert.deepEqual(told.slice(4), ['suspended lost']);
  });

  test('that makes the peers cost too much ends at once: its user is told while a handler runs', async () => {
    for (const hasEnded of [false, true]) {
      const { channel, link, told, behaviour } = openSession();
      behaviour.message = () => new Promise(() => {});
      link.onMessage(dataFrame(FrameKind.message, 'takes for ever'));
      link.room = 3;
      for (let count = 0; count < 20; count++) channel.send(new Uint8Array(60_000));
      await turn();
      if (hasEnded) {
        link.onMessage(smallFrame(FrameKind.goodbye, encodeGoodbye(goodbye('stopped'))));
        link.end();
      }
      await turn();
      assert.deepEqual(told.slice(1), [], 'the end waits for the handler');
      channel.shed();
      await turn();
      const reason = hasEnded ? 'closed stopped by them' : 'closed overload by us';
      assert.deepEqual(told.slice(1), [reason, 'unacknowledged 20']);
      assert.ok(channel.heldBytes < 20, 'nothing but what the handler has in hand');
      assert.ok(
        hasEnded || link.endings.includes('destroy'),
        'the link stopped in the middle of what is gone',
      );
    }
  });

  test('says why it ends where the link has taken everything', async () => {
    const { channel, link, told } = openSession();
    channel.send(new Uint8Array(60_000));
    await turn();
    channel.shed();
    await turn();
    assert.deepEqual(told, ['closed overload by us', 'unacknowledged 1']);
    assert.deepEqual(kindsOf(link), [FrameKind.message, FrameKind.goodbye]);
    assert.deepEqual(link.endings, ['close 1000']);
  });

  test('a listener waits so long and no longer', async () => {
    const { link, channel, told, runtime } = openSession({ sessionTimeoutMs: 1_000 });
    channel.send('one');
    channel.send(new Uint8Array(40_000));
    await turn();
    link.onMessage(acknowledge(frameHeaderBytes + 3));
    link.end();
    await turn();
    await runtime.advance(999);
    channel.checkLiveness(runtime.now());
    assert.equal(channel.isOpen, true);
    await runtime.advance(1);
    channel.checkLiveness(runtime.now());
    await turn();
    assert.deepEqual(told, ['suspended lost', 'closed timeout by us', 'unacknowledged 1']);
    assert.throws(() => channel.send('late'), withCode('ERR_CONNECTION_CLOSED'));
  });

  test('who tries to reach the other waits for as long as it tries', async () => {
    const { link, channel, runtime } = openSession({ sessionTimeoutMs: 1_000 });
    link.end();
    await turn();
    await runtime.advance(1_000_000);
    channel.checkLiveness(runtime.now(), true);
    assert.equal(channel.isOpen, true);
    channel.checkLiveness(runtime.now(), false);
    assert.equal(channel.isOpen, false);
  });

  test('a silent link is given up, but not the session', async () => {
    const { link, channel, runtime } = openSession();
    for (let checks = 0; checks < 3; checks++) {
      await runtime.advance(15_000);
      channel.checkLiveness(runtime.now());
    }
    assert.deepEqual([link.endings, channel.isSuspended, channel.isOpen], [['destroy'], true, true]);
  });

  test('what is kept counts against the cap of the queue', async () => {
    const { channel, link } = openSession({ queueMaxBytes: 100_000 });
    const piece = new Uint8Array(30_000);
    assert.equal(channel.send(piece), true);
    await turn();
    assert.equal(channel.send(piece), true);
    await turn();
    assert.equal(channel.send(piece), false, 'half of it is in use');
    let isDrained = false;
    void channel.drained().then(() => {
      isDrained = true;
    });
    await turn();
    assert.throws(() => channel.send(piece), withCode('ERR_QUEUE_FULL'));
    assert.equal(isDrained, false);
    link.onMessage(acknowledge(2 * (frameHeaderBytes + piece.length)));
    await turn();
    assert.equal(isDrained, true);
    assert.equal(channel.send(piece), true);
  });
});
