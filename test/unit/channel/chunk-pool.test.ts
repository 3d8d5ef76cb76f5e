import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ChunkPool } from '../../../src/channel/send/chunk-pool.ts';
import '../../support/checked-pools.ts';

suite('a pool of chunks', () => {
  test('hands out again what it was given back, so many at the most', () => {
    const pool = new ChunkPool(16, 2);
    const chunks = [1, 2, 3].map(() => pool.take());
    assert.deepEqual(
      chunks.map(({ length }) => length),
      [16, 16, 16],
    );
    for (const chunk of chunks) pool.give(chunk);
    const again = [1, 2, 3].map(() => pool.take());
    assert.deepEqual(
      again.map((chunk) => chunks.includes(chunk)),
      [true, true, false],
    );
    assert.equal(new Set(again).size, 3);
  });

  test('leaves memory of another size to the garbage collector', () => {
    const pool = new ChunkPool(16, 2);
    pool.give(new Uint8Array(15));
    assert.equal(pool.take().length, 16);
  });
});
