import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedList } from '../../../src/base/shared-list.ts';

test('a list that holds the same is given up for the earlier one, any other is kept', () => {
  const earlier = ['a', 'b'];
  assert.equal(sharedList(earlier, ['a', 'b']), earlier);
  const others: string[][] = [['a'], ['a', 'b', 'c'], ['b', 'a'], []];
  for (const later of others) assert.equal(sharedList(earlier, later), later);
});
