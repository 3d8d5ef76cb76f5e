import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../../src/base/token-bucket.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

test('so much may happen at once, and so much in a second', async () => {
  const runtime = new VirtualRuntime();
  const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, runtime);
  const take = (times: number): number =>
    Array.from({ length: times }, () => bucket.take()).filter(Boolean).length;
  assert.equal(bucket.waitMs, 0);
  assert.equal(take(10), 3);
  assert.equal(bucket.waitMs, 500);
  await runtime.advance(499);
  assert.equal(take(1), 0);
  await runtime.advance(1);
  assert.equal(take(2), 1);
  await runtime.advance(3_600_000);
  assert.equal(take(10), 3, 'what was not used is not saved up');
});

test('what has happened all the same is waited for', async () => {
  const runtime = new VirtualRuntime();
  const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, runtime);
  bucket.spend(10);
  assert.equal(bucket.waitMs, 4_000);
  await runtime.advance(4_000);
  assert.ok(bucket.take());
});
