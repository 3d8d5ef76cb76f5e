import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemRuntime } from '../../../src/base/runtime.ts';
import { turns, within } from '../../support/turns.ts';

suite('the runtime of the system', () => {
  test('has a clock that never goes back', () => {
    let last = systemRuntime.now();
    for (let index = 0; index < 10_000; index++) {
      const now = systemRuntime.now();
      assert.ok(now >= last);
      last = now;
    }
  });

  for (const delayMs of [0, 5]) {
    test(`runs a timer of ${delayMs} ms once, never before the call returns`, async () => {
      let calls = 0;
      const startedAt = systemRuntime.now();
      const ran = new Promise<void>((resolve) => {
        const timer = systemRuntime.setTimeout(() => {
          calls += 1;
          timer.cancel();
          resolve();
        }, delayMs);
      });
      assert.equal(calls, 0);
      await within(ran, 'the timer runs');
      assert.ok(systemRuntime.now() - startedAt >= delayMs - 1);
      await turns();
      assert.equal(calls, 1);
    });

    test(`does not run a timer of ${delayMs} ms that was cancelled`, async () => {
      const timer = systemRuntime.setTimeout(() => assert.fail('it ran'), delayMs);
      timer.cancel();
      timer.cancel();
      await new Promise<void>((resolve) => systemRuntime.setTimeout(resolve, delayMs + 1));
    });
  }

  test('keeps timers that are longer than those of the system waiting', async () => {
    const timers = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((delayMs) =>
      systemRuntime.setTimeout(() => assert.fail(`a timer of ${delayMs} ms ran at once`), delayMs),
    );
    await new Promise<void>((resolve) => systemRuntime.setTimeout(resolve, 5));
    for (const timer of timers) timer.cancel();
  });

  test('draws numbers from 0 up to, without, 1', () => {
    const numbers = Array.from({ length: 1_000 }, () => systemRuntime.random());
    assert.ok(numbers.every((number) => number >= 0 && number < 1));
    assert.equal(new Set(numbers).size, numbers.length);
  });

  test('draws bytes that do not repeat', () => {
    assert.equal(systemRuntime.randomBytes(0).length, 0);
    assert.equal(systemRuntime.randomBytes(65_536).length, 65_536);
    const drawn = Array.from({ length: 1_000 }, () => systemRuntime.randomBytes(16).join());
    assert.equal(new Set(drawn).size, drawn.length);
  });
});
