import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Watchers } from '../../../../src/secure/vault/watchers.ts';

suite('those who watch a collection', () => {
  test('hear of it until their time is up, counted from when they asked last', () => {
    let now = 0;
    const watchers = new Watchers(() => now, 1_000, 10);
    watchers.add('a', 'bob');
    now = 500;
    watchers.add('a', 'carol');
    watchers.add('b', 'bob');
    assert.deepEqual([watchers.of('a'), watchers.of('b'), watchers.of('c')], [['bob', 'carol'], ['bob'], []]);
    now = 999;
    assert.deepEqual(watchers.of('a'), ['bob', 'carol']);
    now = 1_000;
    assert.deepEqual(watchers.of('a'), ['carol']);
    watchers.add('a', 'carol');
    now = 1_500;
    assert.deepEqual([watchers.of('a'), watchers.of('b')], [['carol'], []]);
    now = 2_000;
    assert.deepEqual(watchers.of('a'), []);
  });

  test('are named once, however often they ask', () => {
    const watchers = new Watchers(() => 0, 1_000, 10);
    for (let count = 0; count < 30; count++) watchers.add('a', 'bob');
    assert.deepEqual(watchers.of('a'), ['bob']);
  });

  test('are no more than there is room for: the one who asked longest ago makes room', () => {
    const watchers = new Watchers(() => 0, 1_000, 3);
    for (const id of ['bob', 'carol', 'dave']) watchers.add('a', id);
    watchers.add('a', 'bob');
    watchers.add('b', 'eve');
    assert.deepEqual([watchers.of('a'), watchers.of('b')], [['dave', 'bob'], ['eve']]);
  });
});
