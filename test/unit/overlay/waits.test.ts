import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Waits } from '../../../src/overlay/waits.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

function waits() {
  const runtime = new VirtualRuntime();
  const due: string[] = [];
  return { runtime, due, waits: new Waits(runtime, (id) => due.push(id)) };
}

suite('waits', () => {
  test('end after their time, each once', async () => {
    const { runtime, due, waits: all } = waits();
    all.begin('a', 100);
    await runtime.advance(50);
    all.begin('b', 100);
    await runtime.advance(50);
    assert.deepEqual(due, ['a']);
    await runtime.advance(50);
    assert.deepEqual(due, ['a', 'b']);
    await runtime.advance(1_000);
    assert.deepEqual(due, ['a', 'b']);
    assert.deepEqual(runtime.pending, []);
  });

  test('do not end when what they wait for comes, and leave no timer', async () => {
    const { runtime, due, waits: all } = waits();
    all.begin('a', 100);
    all.begin('b', 100);
    all.end('a');
    await runtime.advance(100);
    assert.deepEqual(due, ['b']);
    all.begin('c', 100);
    all.end('c');
    assert.deepEqual(runtime.pending, []);
  });

  test('know how long something has been waited for, over all its waits', async () => {
    const { runtime, waits: all } = waits();
    assert.equal(all.sinceBegan('a'), 0);
    all.begin('a', 100);
    await runtime.advance(60);
    all.begin('a', 100);
    await runtime.advance(30);
    assert.equal(all.sinceBegan('a'), 90);
    all.end('a');
    await runtime.advance(10);
    assert.equal(all.sinceBegan('a'), 0);
  });

  test('end in time when a longer one began before', async () => {
    const { runtime, due, waits: all } = waits();
    all.begin('long', 2_000);
    all.begin('short', 100);
    await runtime.advance(100);
    assert.deepEqual(due, ['short']);
    await runtime.advance(1_900);
    assert.deepEqual(due, ['short', 'long']);
  });

  test('are looked at every 25 ms at most, however many there are', async () => {
    const { runtime, due, waits: all } = waits();
    for (let ms = 0; ms < 1_000; ms++) all.begin(`${ms}`, 100 + ms);
    let looks = 0;
    let before = 0;
    for (let ms = 0; ms < 1_200; ms++) {
      await runtime.advance(1);
      if (due.length > before) looks += 1;
      before = due.length;
    }
    assert.equal(due.length, 1_000);
    assert.ok(looks <= 42, `${looks}`);
  });

  test('may begin again from within', async () => {
    const runtime = new VirtualRuntime();
    const due: number[] = [];
    const all: Waits = new Waits(runtime, (id) => {
      due.push(runtime.now());
      if (due.length < 3) all.begin(id, 10);
    });
    all.begin('a', 10);
    await runtime.advance(100);
    assert.deepEqual(due, [10, 20, 30]);
  });

  test('that fell due while others were called back end at once', async () => {
    const runtime = new VirtualRuntime();
    const due: string[] = [];
    const all: Waits = new Waits(runtime, (id) => {
      due.push(id);
      runtime.compute(500);
    });
    all.begin('a', 10);
    all.begin('b', 100);
    await runtime.advance(1_000);
    assert.deepEqual(due, ['a', 'b']);
  });
});
