import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { NodeConnection } from '../../../../src/index.ts';
import { KeptBroadcasts } from '../../../../src/overlay/history/kept-broadcasts.ts';
import { MemoryStore } from '../../../../src/overlay/history/memory-store.ts';
import { OwedBroadcasts } from '../../../../src/overlay/history/owed-broadcasts.ts';
import { signedBroadcast } from '../../../support/signed-broadcast.ts';

const via = {} as NodeConnection;

function owing(count: number, maxMessages: number) {
  const options = { maxMessages, maxBytes: 2 ** 24, maxAgeMs: Number.POSITIVE_INFINITY };
  const kept = new KeptBroadcasts({ ...options, store: new MemoryStore(), wallNow: () => 0 });
  const owed = new OwedBroadcasts(kept);
  const ids = Array.from({ length: count }, () => {
    const broadcast = signedBroadcast();
    kept.add(broadcast);
    owed.add(broadcast.id, via);
    return broadcast.id;
  });
  return { owed, ids };
}

suite('broadcasts that handlers had no time for', () => {
  test('come in the order in which they came, from the history', () => {
    const { owed, ids } = owing(5, 10);
    const given = Array.from({ length: 5 }, () => owed.next()!);
    assert.deepEqual(
      given.map(({ broadcast }) => broadcast.id),
      ids,
    );
    assert.deepEqual(given[0]!.arrival, { via, hops: 0, isHistory: true });
    assert.equal(owed.next(), undefined);
    assert.equal(owed.lost, 0);
  });

  test('are no more than the history keeps, and those that it gave up are counted', () => {
    const { owed, ids } = owing(50, 10);
    assert.deepEqual([owed.size, owed.lost], [10, 40]);
    assert.equal(owed.next()?.broadcast.id, ids[40]);
  });
});
