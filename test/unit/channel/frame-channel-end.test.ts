import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameKind, smallFrame } from '../../../src/wire/frames/frame.ts';
import { encodeGoodbye, goodbye } from '../../../src/wire/frames/goodbye.ts';
import { withCode } from '../../support/errors.ts';
import { turn } from '../../support/turns.ts';
import { dataFrame, kindsOf, openChannel } from './open-channel.ts';

suite('the end', () => {
  test('by us: what waits goes out, then the goodbye; the link closes when all is sent', async () => {
    const { link, channel, told } = openChannel();
    link.room = 1;
    channel.send('one');
    await turn();
    channel.send('two');
    channel.close(goodbye('stopped'));
    assert.equal(channel.isOpen, false);
    assert.throws(() => channel.send('three'), withCode('ERR_CONNECTION_CLOSED'));
    link.onMessage(dataFrame(FrameKind.message, 'too late'));
    await turn();
    assert.deepEqual(link.endings, []);
    link.makeRoom();
    await turn();
    assert.deepEqual(kindsOf(link), [FrameKind.message, FrameKind.message, FrameKind.goodbye]);
    assert.deepEqual(link.endings, ['close 5000']);
    channel.close(goodbye('disconnected'));
    link.end();
    await turn();
    assert.deepEqual(told, ['closed stopped by us']);
    assert.equal(link.endings.length, 1);
  });

  test('of one that was refused before it started, when its link has ended already, is told to nobody', async () => {
    const { link, channel, told } = openChannel({ isStarted: false });
    link.end();
    await turn();
    channel.close(goodbye('duplicate'));
    await turn();
    assert.deepEqual(told, []);
  });

  test('by us, and the link does not take what waits: it is destroyed after 5 seconds', async () => {
    const { runtime, link, channel, told } = openChannel();
    link.room = 1;
    channel.send('one');
    await turn();
    channel.send('two');
    channel.close(goodbye('stopped'));
    await runtime.advance(4_999);
    assert.equal(link.endings.length, 0);
    await runtime.advance(1);
    assert.ok(link.endings.includes('destroy'));
    assert.deepEqual(told, ['closed stopped by us']);
    assert.deepEqual(runtime.pending, []);
  });

  test('by them: their reason is ours, and nothing more is sent or heard', async () => {
    const { link, channel, told } = openChannel();
    const waiting = assert.rejects(channel.request('?'), withCode('ERR_CONNECTION_CLOSED', /I am tired/));
    await turn();
    link.takeFrames();
    link.onMessage(
      Buffer.concat([
        smallFrame(FrameKind.goodbye, encodeGoodbye(goodbye('disconnected', 'I am tired'))),
        dataFrame(FrameKind.message, 'after the goodbye'),
      ]),
    );
    assert.equal(channel.isOpen, false);
    assert.deepEqual(link.endings, ['close 5000']);
    link.end();
    await waiting;
    await turn();
    assert.deepEqual(told.at(-1), 'closed disconnected by them');
    assert.ok(!told.includes('message after the goodbye'));
    assert.deepEqual(link.pieces, []);
  });

  test('by nobody: the link broke, or ended without a word', async () => {
    for (const error of [undefined, new Error('reset')]) {
      const { link, told } = openChannel();
      link.end(error);
      await turn();
      assert.deepEqual(told, ['closed lost by link']);
    }
  });

  test('before the start is told after it', async () => {
    const { link, channel, told, handler } = openChannel({ isStarted: false });
    link.onMessage(dataFrame(FrameKind.message, 'hello'));
    link.end();
    await turn();
    channel.start(handler);
    await turn();
    assert.deepEqual(told, ['message hello', 'closed lost by link']);
  });

  test('comes after everything that had arrived is handled', async () => {
    const { link, told, behaviour } = openChannel();
    const gate = Promise.withResolvers<boolean>();
    behaviour.message = () => gate.promise;
    for (const text of ['one', 'two']) link.onMessage(dataFrame(FrameKind.message, text));
    link.end();
    await turn();
    assert.deepEqual(told, ['message one']);
    gate.resolve(true);
    await turn();
    assert.deepEqual(told, ['message one', 'message two', 'closed lost by link']);
  });

  test('comes at once where we leave meanwhile, and once only', async () => {
    const { link, channel, told, behaviour } = openChannel();
    const gate = Promise.withResolvers<boolean>();
    behaviour.message = () => gate.promise;
    for (const text of ['one', 'two']) link.onMessage(dataFrame(FrameKind.message, text));
    link.end();
    await turn();
    channel.close(goodbye('disconnected'));
    assert.deepEqual(told, ['message one', 'closed lost by link']);
    gate.resolve(true);
    await turn();
    assert.deepEqual(told, ['message one', 'closed lost by link']);
  });
});

suite('liveness', () => {
  test('pings after silence, and gives up after more; every byte counts as life', async () => {
    const { runtime, link, channel, told } = openChannel({ limits: { pingAfterMs: 100, deadAfterMs: 300 } });
    const check = async (milliseconds: number): Promise<number[]> => {
      await runtime.advance(milliseconds);
      channel.checkLiveness(runtime.now());
      await turn();
      return kindsOf(link);
    };
    assert.deepEqual(await check(99), []);
    assert.deepEqual(await check(1), [FrameKind.ping]);
    assert.deepEqual(await check(50), []);
    link.onMessage(dataFrame(FrameKind.message, 'x').subarray(0, 1));
    assert.deepEqual(await check(99), []);
    assert.deepEqual(await check(1), [FrameKind.ping]);
    assert.deepEqual(await check(100), [FrameKind.ping]);
    assert.deepEqual(await check(99), []);
    assert.deepEqual(await check(1), [], 'who is dead is not told');
    assert.deepEqual(link.endings, ['close 0']);
    link.end();
    await turn();
    assert.deepEqual(told, ['closed timeout by us']);
  });

  test('time that this process slept through is nobody’s silence', async () => {
    const { runtime, link, channel } = openChannel({ limits: { pingAfterMs: 100, deadAfterMs: 300 } });
    await runtime.advance(3_600_000);
    channel.checkLiveness(runtime.now());
    await turn();
    assert.deepEqual([kindsOf(link), link.endings], [[FrameKind.ping], []]);
  });
});
