import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Broadcast } from '../../../src/overlay/broadcast.ts';
import { RecentBroadcasts } from '../../../src/overlay/recent-broadcasts.ts';

function broadcast(id: string, length = 100): Broadcast {
  const bytes = new Uint8Array(length);
  return { id, origin: 'origin', topic: '', timeUs: 0, format: 3, body: bytes, bytes };
}

suite('recent broadcasts', () => {
  test('are kept with their content, and know to whom they were sent', () => {
    const recent = new RecentBroadcasts<string>(1_000);
    const one = broadcast('one');
    recent.add(one, { hops: 3, nowMs: 0 });
    assert.ok(recent.has('one') && !recent.has('two'));
    assert.equal(recent.get('one'), one);
    assert.equal(recent.hopsOf('one'), 3);
    assert.ok(!recent.wasSentTo('a', 'one'));
    recent.sentTo('a', 'one');
    assert.ok(recent.wasSentTo('a', 'one') && !recent.wasSentTo('b', 'one') && !recent.wasSentTo('a', 'two'));
  });

  test('give up the content of the earliest for room, but still know them', () => {
    const recent = new RecentBroadcasts<string>(250);
    for (const id of ['one', 'two', 'three']) recent.add(broadcast(id), { hops: 1, nowMs: 0 });
    assert.ok(recent.has('one'));
    assert.equal(recent.get('one'), undefined);
    assert.ok(recent.get('two') !== undefined && recent.get('three') !== undefined);
    const { heldBytes } = recent;
    recent.add(broadcast('four'), { hops: 1, nowMs: 0 });
    assert.ok(recent.heldBytes - heldBytes < 1_000);
    assert.equal(recent.get('two'), undefined);
  });

  test('keep no content that alone is more than there is room for', () => {
    const recent = new RecentBroadcasts<string>(250);
    recent.add(broadcast('large', 300), { hops: 1, nowMs: 0 });
    assert.ok(recent.has('large'));
    assert.equal(recent.get('large'), undefined);
  });

  test('are 16,384 at most', () => {
    const recent = new RecentBroadcasts<string>(1_000);
    for (let count = 0; count < 16_385; count++) recent.add(broadcast(`${count}`, 1), { hops: 1, nowMs: 0 });
    assert.ok(!recent.has('0') && recent.has('1') && recent.has('16384'));
  });

  test('are forgotten after a while', () => {
    const recent = new RecentBroadcasts<string>(1_000);
    recent.add(broadcast('early'), { hops: 1, nowMs: 10 });
    recent.add(broadcast('late'), { hops: 1, nowMs: 20 });
    recent.expire(20);
    assert.ok(!recent.has('early') && recent.has('late'));
    recent.expire(21);
    assert.equal(recent.heldBytes, 0);
  });
});
