import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Asker, PeerTurns } from '../../../src/secure/peer-turns.ts';
import { withCode } from '../../support/errors.ts';
import { VirtualRuntime } from '../../support/virtual-runtime.ts';

const prompt: Asker = { drained: async () => {} };

/** Askers, named by letters, whose work takes some milliseconds. */
function scene() {
  const runtime = new VirtualRuntime();
  const turns = new PeerTurns(runtime);
  const done: string[] = [];
  const askers = new Map<string, Asker>();
  const asker = (name: string): Asker => {
    if (!askers.has(name)) askers.set(name, { ...prompt });
    return askers.get(name)!;
  };
  const compute = (name: string, tookMs: number) =>
    turns.run(asker(name), async () => {
      runtime.compute(tookMs);
      done.push(`${name} ${runtime.now()}`);
    });
  return { runtime, turns, done, asker, compute };
}

suite('the turns of peers', () => {
  test('one asks for much, and another is next all the same', async () => {
    const { runtime, done, compute } = scene();
    const all = [...Array(4).fill('a'), 'b', 'c', 'b'].map((name) => compute(name, 1));
    await runtime.advance(100);
    await Promise.all(all);
    assert.deepEqual(
      done.map((one) => one.slice(0, 1)),
      ['a', 'b', 'c', 'a', 'b', 'a', 'a'],
    );
  });

  test('after 10 ms of computing nobody computes for as long as that took', async () => {
    const { runtime, done, compute } = scene();
    const all = ['a', 'b', 'a', 'b'].map((name) => compute(name, 6));
    await runtime.advance(100);
    await Promise.all(all);
    assert.deepEqual(done, ['a 6', 'b 12', 'a 30', 'b 36']);
  });

  test('what is done with a result, before anything else can run, counts as well', async () => {
    const { runtime, turns, done, asker, compute } = scene();
    const signed = turns.run(asker('a'), async () => {}).then(() => runtime.compute(50));
    const next = compute('b', 1);
    await runtime.advance(200);
    await Promise.all([signed, next]);
    assert.deepEqual(done, ['b 101']);
  });

  test('work that pauses keeps its turn', async () => {
    const { runtime, turns, done, asker, compute } = scene();
    const long = turns.run(asker('a'), async ({ pause }) => {
      for (let step = 0; step < 3; step++) {
        runtime.compute(10);
        await pause();
      }
      done.push(`a ${runtime.now()}`);
    });
    const next = compute('b', 1);
    await runtime.advance(200);
    await Promise.all([long, next]);
    assert.deepEqual(done, ['a 60', 'b 61']);
  });

  test('one that does not take its answers gets no further turn, and holds up nobody', async () => {
    const { runtime, turns, done, compute } = scene();
    const room = Promise.withResolvers<void>();
    let answers = 0;
    const greedy: Asker = { drained: () => (answers < 2 ? Promise.resolve() : room.promise) };
    const asked = Array.from({ length: 5 }, () => turns.run(greedy, async () => void answers++));
    const other = compute('b', 1);
    await runtime.advance(1_000);
    await other;
    assert.equal(answers, 2);
    assert.equal(done.length, 1);
    room.resolve();
    await runtime.advance(1_000);
    await Promise.all(asked);
    assert.equal(answers, 5);
  });

  test('of one that leaves nothing more is done', async () => {
    const { runtime, turns, done, asker, compute } = scene();
    let steps = 0;
    const running = turns.run(asker('a'), async ({ pause }) => {
      for (; steps < 100; steps++) {
        runtime.compute(10);
        await pause();
      }
    });
    const waiting = compute('a', 1);
    const other = compute('b', 1);
    const gone = Promise.all([
      assert.rejects(running, /not wanted/),
      assert.rejects(waiting, withCode('ERR_CONNECTION_CLOSED')),
    ]);
    await runtime.advance(15);
    turns.leave(asker('a'));
    turns.leave(asker('nobody'));
    await runtime.advance(100);
    await Promise.all([gone, other]);
    assert.ok(steps < 3, `${steps} steps`);
    assert.deepEqual(
      done.map((one) => one.slice(0, 1)),
      ['b'],
    );
    const again = compute('a', 1);
    await runtime.advance(100);
    await again;
  });

  test("an error is the asker's alone", async () => {
    const { runtime, turns, asker, compute } = scene();
    const failing = turns.run(asker('a'), async () => {
      throw new Error('no');
    });
    const failed = assert.rejects(failing, /^Error: no$/);
    const other = compute('b', 1);
    await runtime.advance(100);
    await Promise.all([failed, other]);
  });
});
