import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Broadcast } from '../../../src/overlay/broadcast.ts';
import { RecentBroadcasts } from '../../../src/overlay/recent-broadcasts.ts';

function broadcast(id: string, length = 100): Broadcast {
  const bytes = new Uint8Array(length);
  return { id, origin: 'origin', topic: '', timeUs: 0, previousUs: 0, format: 3, body: bytes, bytes };
}

function recentBroadcasts(maxBytes: number, onGrowth = (_bytes: number): void => {}): RecentBroadcasts {
  return new RecentBroadcasts(maxBytes, onGrowth);
}

suite('recent broadcasts', () => {
  test('are kept with their content, and know to whom they were sent', () => {
    const recent = recentBroadcasts(1_000);
    const one = broadcast('one');
    recent.add(one, { hops: 3, nowMs: 0 });
    assert.ok(recent.has('one') && !recent.has('two'));
    assert.equal(recent.get('one'), one);
    assert.equal(recent.hopsOf('one'), 3);
    assert.ok(!recent.wasSentTo(1, 'one'));
    recent.sentTo(1, 'one');
    assert.ok(recent.wasSentTo(1, 'one') && !recent.wasSentTo(2, 'one') && !recent.wasSentTo(1, 'two'));
  });

  test('give up the content of the earliest for room, but still know them', () => {
    const recent = recentBroadcasts(250);
    for (const id of ['one', 'two', 'three']) recent.add(broadcast(id), { hops: 1, nowMs: 0 });
    assert.ok(recent.has('one'));
    assert.equal(recent.get('one'), undefined);
    assert.ok(recent.get('two') !== undefined && recent.get('three') !== undefined);
    const { heldBytes } = recent;
    recent.add(broadcast('four'), { hops: 1, nowMs: 0 });
    assert.ok(recent.heldBytes - heldBytes < 1_000);
    assert.equal(recent.get('two'), undefined);
  });

  test('give up content when they were sent to more peers than there is room to know', () => {
    const recent = recentBroadcasts(100_000);
    recent.add(broadcast('one'), { hops: 1, nowMs: 0 });
    recent.add(broadcast('two'), { hops: 1, nowMs: 0 });
    for (let peer = 0; peer < 10_000; peer++) recent.sentTo(peer, 'one');
    assert.equal(recent.get('one'), undefined);
    assert.ok(recent.get('two') !== undefined);
    assert.ok(recent.heldBytes < 10_000);
  });

  test('report all that they keep anew', () => {
    let told = 0;
    const recent = recentBroadcasts(1_000, (bytes) => {
      told += bytes;
    });
    recent.add(broadcast('one'), { hops: 1, nowMs: 0 });
    for (const peer of [1, 2, 2]) recent.sentTo(peer, 'one');
    assert.equal(recent.heldBytes, told);
  });

  test('keep no content that alone is more than there is room for', () => {
    const recent = recentBroadcasts(250);
    recent.add(broadcast('large', 300), { hops: 1, nowMs: 0 });
    assert.ok(recent.has('large'));
    assert.equal(recent.get('large'), undefined);
  });

  test('are 16,384 at most', () => {
    const recent = recentBroadcasts(1_000);
    for (let count = 0; count < 16_385; count++) recent.add(broadcast(`${count}`, 1), { hops: 1, nowMs: 0 });
    assert.ok(!recent.has('0') && recent.has('1') && recent.has('16384'));
  });

  test('are forgotten after a while', () => {
    const recent = recentBroadcasts(1_000);
    recent.add(broadcast('early'), { hops: 1, nowMs: 10 });
    recent.add(broadcast('late'), { hops: 1, nowMs: 20 });
    recent.expire(20);
    assert.ok(!recent.has('early') && recent.has('late'));
    recent.expire(21);
    assert.equal(recent.heldBytes, 0);
  });
});
