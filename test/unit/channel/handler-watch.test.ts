import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandlerWatch } from '../../../src/channel/receive/handler-watch.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

function watchWith() {
  const runtime = new VirtualRuntime();
  const slow: string[] = [];
  const watch = new HandlerWatch<string>({
    runtime,
    onSlow: (what, beganAtMs) => slow.push(`${what} since ${beganAtMs} at ${runtime.now()}`),
  });
  return { runtime, slow, watch };
}

suite('a handler', () => {
  test('that runs for 10 s is named, once', async () => {
    const { runtime, slow, watch } = watchWith();
    await runtime.advance(500);
    watch.began('a');
    await runtime.advance(9_999);
    assert.deepEqual(slow, []);
    await runtime.advance(60_000);
    assert.deepEqual(slow, ['a since 500 at 10500']);
    assert.deepEqual(runtime.pending, [], 'nothing is left to look for');
  });

  test('that ends before is not, nor are many that follow each other', async () => {
    const { runtime, slow, watch } = watchWith();
    for (let count = 0; count < 20; count++) {
      watch.began('short');
      assert.equal(runtime.pending.length, 1);
      await runtime.advance(3_000);
      watch.ended();
    }
    await runtime.advance(20_000);
    assert.deepEqual([slow, runtime.pending], [[], []]);
  });

  test('is named 10 s after it began, whenever others were looked for', async () => {
    const { runtime, slow, watch } = watchWith();
    watch.began('short');
    await runtime.advance(7_000);
    watch.ended();
    watch.began('long');
    await runtime.advance(30_000);
    assert.deepEqual(slow, ['long since 7000 at 17000']);
  });

  test('is not named when nobody has to know any more', async () => {
    const { runtime, slow, watch } = watchWith();
    watch.began('a');
    watch.close();
    assert.deepEqual(runtime.pending, []);
    await runtime.advance(20_000);
    assert.deepEqual(slow, []);
  });
});
