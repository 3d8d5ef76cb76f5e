import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Broadcast } from '../../../src/overlay/broadcast.ts';
import { EarlierBroadcasts, maxEarlier } from '../../../src/overlay/earlier-broadcasts.ts';
import { readOverlayFrame } from '../../../src/overlay/overlay-frames.ts';
import type { OverlayPeer } from '../../../src/overlay/overlay-peer.ts';
import { RecentBroadcasts } from '../../../src/overlay/recent-broadcasts.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

const timeWindowMs = 120_000;

/** A node that keeps broadcasts, and neighbours that write down what they are sent. */
function scene() {
  const runtime = new VirtualRuntime();
  const recent = new RecentBroadcasts(64 * 1_048_576, () => {});
  const passesOn = (topic: string): boolean => topic !== 'not mine';
  const earlier = new EarlierBroadcasts({ runtime, recent, timeWindowMs, passesOn });
  let made = 0;
  let peers = 0;

  /** Keeps another broadcast. @returns its id, which shows its number. */
  function keep({ topic = '', ageMs = 0, length = 100 } = {}): string {
    const id = (made++).toString(16).padStart(64, '0');
    const bytes = new Uint8Array(length);
    const timeUs = (runtime.wallNow() - ageMs) * 1_000;
    const broadcast: Broadcast = {
      id,
      origin: 'origin',
      topic,
      timeUs,
      previousUs: 0,
      format: 3,
      body: bytes,
      bytes,
    };
    recent.add(broadcast, { hops: 3, nowMs: runtime.now() });
    return id;
  }

  function connect(source = 'there') {
    const frames: string[][] = [];
    const peer = {
      source,
      number: peers++,
      openedAtMs: runtime.now(),
      send(bytes: Uint8Array) {
        const frame = readOverlayFrame(bytes);
        assert.ok(frame.kind === 'announce');
        frames.push(frame.announcements.map(({ id }) => id));
        return true;
      },
    } as unknown as OverlayPeer;
    earlier.opened(peer);
    return { peer, frames };
  }
  return { runtime, recent, earlier, keep, connect };
}

suite('earlier broadcasts', () => {
  test('are announced to a new neighbour, 128 at a time, the earliest of the latest 512 first', async () => {
    const { runtime, earlier, keep, connect } = scene();
    const ids = Array.from({ length: maxEarlier + 10 }, () => keep());
    const { frames } = connect();
    assert.ok(earlier.heldBytes > 0);
    await runtime.advance(99);
    assert.deepEqual(frames, [], 'what is under way may still arrive');
    await runtime.advance(1);
    assert.equal(frames.length, 1);
    await runtime.advance(10_000);
    assert.deepEqual(
      frames.map(({ length }) => length),
      [128, 128, 128, 128],
    );
    assert.deepEqual(frames.flat(), ids.slice(10));
    assert.equal(earlier.heldBytes, 0);
  });

  test('are only those of the last 30 s that the neighbour may accept and does not have, and that the node passes on', async () => {
    const { runtime, recent, keep, connect } = scene();
    keep({ ageMs: timeWindowMs });
    keep({ topic: 'not mine' });
    keep();
    await runtime.advance(30_001);
    const wanted = keep({ ageMs: timeWindowMs / 2 });
    const sent = keep();
    const { peer, frames } = connect();
    recent.sentTo(peer.number, sent);
    await runtime.advance(1_000);
    assert.deepEqual(frames, [[wanted]]);
  });

  test('are not announced any more to a neighbour that has gone, nor when they are given up', async () => {
    const { runtime, recent, earlier, keep, connect } = scene();
    keep();
    const gone = connect();
    earlier.closed(gone.peer);
    assert.deepEqual(runtime.pending, [], 'nothing waits for nobody');
    await runtime.advance(1_000);
    const late = connect();
    recent.expire(runtime.now() + 1);
    await runtime.advance(1_000);
    assert.deepEqual([...gone.frames, ...late.frames], []);
  });

  test('are announced to a neighbour although another one goes meanwhile', async () => {
    const { runtime, earlier, keep, connect } = scene();
    const id = keep();
    const [gone, stays] = [connect(), connect()];
    earlier.closed(gone.peer);
    await runtime.advance(1_000);
    assert.deepEqual([gone.frames, stays.frames], [[], [[id]]]);
    earlier.closed(stays.peer);
    assert.deepEqual(runtime.pending, []);
  });

  test('are announced to a liar that connects again and again no more often than the rate allows', async () => {
    const { runtime, earlier, keep, connect } = scene();
    let announced = 0;
    for (let round = 0; round < 100; round++) {
      for (let count = 0; count < maxEarlier; count++) keep();
      const { peer, frames } = connect('liar');
      await runtime.advance(500);
      announced += frames.flat().length;
      earlier.closed(peer);
    }
    assert.ok(announced >= 4_096 && announced <= 4_096 + 16 * 51, `${announced}`);
    const { frames } = connect('honest');
    await runtime.advance(500);
    assert.equal(frames.flat().length, maxEarlier);
  });

  test('are sent to a liar that connects and asks again and again no more often than the rate allows', async () => {
    const { runtime, earlier, keep, connect } = scene();
    const mebibyte = 1_048_576;
    const id = keep({ length: mebibyte });
    await runtime.advance(1);
    const served = (source: string): number => {
      let bytes = 0;
      for (let round = 0; round < 100; round++) {
        const { peer } = connect(source);
        if (earlier.mayServe(peer, id)) bytes += mebibyte;
        earlier.closed(peer);
      }
      return bytes;
    };
    assert.equal(served('liar'), 16 * mebibyte);
    await runtime.advance(16_000);
    assert.equal(served('liar'), mebibyte);
    assert.equal(served('honest'), 16 * mebibyte);
  });

  test('do not count what came after the neighbour: that is sent once for each connection anyway', () => {
    const { earlier, keep, connect } = scene();
    for (let round = 0; round < 100; round++) {
      const { peer } = connect('liar');
      assert.ok(earlier.mayServe(peer, keep({ length: 1_048_576 / 2 })), `${round}`);
    }
  });

  test('of neighbours beyond 1,024 addresses are announced when the rates of others are forgotten', async () => {
    const { runtime, earlier, keep, connect } = scene();
    const id = keep({ ageMs: -10 * timeWindowMs });
    await runtime.advance(1);
    for (let source = 0; source < 1_024; source++) assert.ok(earlier.mayServe(connect(`${source}`).peer, id));
    assert.ok(!earlier.mayServe(connect('one more').peer, id));
    await runtime.advance(300_000);
    assert.ok(earlier.mayServe(connect('one more').peer, id));
  });
});
