import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LateMap, LateSet } from '../../../src/base/late-collections.ts';

test('a late map reads like an empty Map before its first entry, and like a Map after it', () => {
  const map = new LateMap<string, number>();
  const other = new LateMap<string, number>();
  assert.deepEqual([map.size, map.has('a'), map.get('a'), map.delete('a')], [0, false, undefined, false]);
  assert.deepEqual([[...map], [...map.keys()], [...map.values()]], [[], [], []]);
  map.set('a', 1);
  map.set('b', 2);
  assert.deepEqual([map.size, map.has('a'), map.get('b')], [2, true, 2]);
  assert.deepEqual(
    new Map(map),
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
  );
  assert.deepEqual(
    [[...map.keys()], [...map.values()]],
    [
      ['a', 'b'],
      [1, 2],
    ],
  );
  assert.deepEqual([map.delete('a'), map.delete('a'), map.size], [true, false, 1]);
  assert.equal(other.size, 0);
});

test('a late set reads like an empty Set before its first value, and like a Set after it', () => {
  const set = new LateSet<string>();
  const other = new LateSet<string>();
  assert.deepEqual([set.size, set.has('a'), set.delete('a'), [...set]], [0, false, false, []]);
  set.add('a');
  set.add('b');
  assert.deepEqual([set.size, set.has('a'), [...set]], [2, true, ['a', 'b']]);
  assert.deepEqual([set.delete('a'), set.delete('a'), set.size], [true, false, 1]);
  assert.equal(other.size, 0);
});

test('the Set for users is one that changes with the late set', () => {
  const set = new LateSet<string>();
  const forUsers = set.forUsers;
  assert.ok(forUsers instanceof Set);
  set.add('a');
  assert.deepEqual(forUsers, new Set(['a']));
  set.delete('a');
  assert.equal(set.forUsers, forUsers);
  assert.equal(forUsers.size, 0);
});
