import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BackoffTimers } from '../../../src/base/backoff-timers.ts';
import { LongestDelays } from '../../support/virtual-runtimes.ts';

suite('waits between attempts', () => {
  test('end when there is news, and are short for five seconds', async () => {
    const runtime = new LongestDelays();
    const timers = new BackoffTimers(runtime);
    const attempts: number[] = [];
    const wait = (delayMs: number) => timers.setTimeout(() => attempts.push(runtime.now()), delayMs);
    wait(60_000);
    wait(60_000).cancel();
    await runtime.advance(1_000);
    timers.hurry();
    assert.deepEqual(attempts, [1_000]);
    wait(60_000);
    await runtime.advance(4_000);
    wait(100);
    await runtime.advance(1_000);
    wait(60_000);
    await runtime.advance(60_000);
    assert.deepEqual(attempts, [1_000, 1_500, 5_100, 66_000]);
    assert.deepEqual(runtime.pending, []);
  });
});
