import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sha256Hex } from '../../../../src/base/sha256.ts';
import { KeptBroadcasts } from '../../../../src/overlay/history/kept-broadcasts.ts';
import { MemoryStore } from '../../../../src/overlay/history/memory-store.ts';

function broadcast(timeUs: number, { name = `${timeUs}`, length = 100 } = {}) {
  return { id: sha256Hex(new TextEncoder().encode(name)), timeUs, bytes: new Uint8Array(length) };
}

function kept({
  maxMessages = 1_000,
  maxBytes = 2 ** 24,
  maxAgeMs = Number.POSITIVE_INFINITY,
  wallMs = 0,
} = {}) {
  const clock = { wallMs };
  const options = { maxMessages, maxBytes, maxAgeMs, store: new MemoryStore(), wallNow: () => clock.wallMs };
  return { clock, history: new KeptBroadcasts(options) };
}

suite('the broadcasts of a topic', () => {
  test('are the latest ones, whatever order they come in', () => {
    const { history } = kept({ maxMessages: 3 });
    for (const timeUs of [5, 1, 9, 7, 3, 8]) history.add(broadcast(timeUs));
    const there = [1, 3, 5, 7, 8, 9].filter((timeUs) => history.has(broadcast(timeUs).id));
    assert.deepEqual(there, [7, 8, 9]);
    assert.equal(history.floorUs, 5);
  });

  test('come once, and not below the floor', () => {
    const { history } = kept({ maxMessages: 2 });
    assert.ok(history.add(broadcast(5)));
    assert.ok(!history.add(broadcast(5)));
    for (const timeUs of [6, 7]) history.add(broadcast(timeUs));
    assert.ok(!history.add(broadcast(5)), 'given up');
    assert.ok(!history.add(broadcast(4)), 'never here');
    assert.ok(!history.add(broadcast(5, { name: 'another' })), 'at the floor');
    assert.equal(history.size, 2);
  });

  test('fit into their bytes', () => {
    const { history } = kept({ maxBytes: 1_000 });
    for (let timeUs = 1; timeUs <= 20; timeUs++) history.add(broadcast(timeUs));
    assert.deepEqual([history.size, history.floorUs], [10, 10]);
    history.add(broadcast(21, { length: 950 }));
    assert.deepEqual([history.size, history.floorUs], [1, 20]);
  });

  test('go together where their times are the same', () => {
    const { history } = kept({ maxMessages: 2 });
    for (const name of ['a', 'b']) history.add(broadcast(1, { name }));
    history.add(broadcast(2));
    assert.deepEqual([history.size, history.floorUs], [1, 1]);
  });

  test('go when they are too old, and the floor rises with time', () => {
    const { history, clock } = kept({ maxAgeMs: 10, wallMs: 100 });
    for (const timeUs of [89_000, 95_000, 99_000]) history.add(broadcast(timeUs));
    assert.equal(history.size, 2);
    clock.wallMs = 106;
    assert.equal(history.floorUs, 96_000);
    history.expire();
    assert.equal(history.size, 1);
    clock.wallMs = 50;
    assert.equal(history.floorUs, 95_000, 'a clock that is set back brings nothing back');
  });

  test('have the floor that they would have if less were kept', () => {
    const { history } = kept();
    for (let timeUs = 1; timeUs <= 20; timeUs++) history.add(broadcast(timeUs));
    const roomy = 2 ** 24;
    assert.equal(history.floorUsWithin({ maxMessages: 20, maxBytes: roomy }), 0);
    assert.equal(history.floorUsWithin({ maxMessages: 5, maxBytes: roomy }), 15);
    assert.equal(history.floorUsWithin({ maxMessages: 20, maxBytes: 350 }), 17);
    assert.equal(history.floorUsWithin({ maxMessages: 2, maxBytes: 350 }), 18);
    assert.equal(history.floorUsWithin({ maxMessages: 0, maxBytes: 0 }), 20);
  });

  test('are taken from the store, as far as they may be kept', () => {
    const store = new MemoryStore();
    const broadcasts = [1, 2, 3, 4].map((timeUs) => ({ ...broadcast(timeUs), length: 100 }));
    store.load = () => ({ broadcasts, floorUs: 1 });
    const options = {
      maxMessages: 2,
      maxBytes: 2 ** 24,
      maxAgeMs: Number.POSITIVE_INFINITY,
      wallNow: () => 0,
    };
    const history = new KeptBroadcasts({ ...options, store });
    assert.deepEqual([history.size, history.floorUs, history.latestUs], [2, 2, 4]);
  });
});
