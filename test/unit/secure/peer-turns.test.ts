import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Steps } from '../../../src/base/steps.ts';
import { type Asker, PeerTurns } from '../../../src/secure/peer-turns.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';

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

/** So many steps, each of which does something. */
function* stepsOf(count: number, step = (): void => {}): Steps<string> {
  for (let done = 1; done < count; done++) {
    step();
    yield;
  }
  step();
  return 'done';
}

function* failingAfter(count: number): Steps<string> {
  yield* stepsOf(count + 1);
  if (count > 0) yield;
  throw new Error('a step failed');
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
    turns.cancel(asker('a'));
    turns.cancel(asker('nobody'));
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

  test('work that one step is enough for is done at once', () => {
    const { turns, asker } = scene();
    assert.equal(turns.begin(asker('a'), stepsOf(1)), 'done');
    assert.throws(() => turns.begin(asker('a'), failingAfter(0)), /a step failed/);
  });

  test('work of many steps goes on side by side with that of others, 10 ms of it in a turn', async () => {
    const { runtime, turns, done, asker, compute } = scene();
    const step = (name: string) => (): void => {
      runtime.compute(4);
      done.push(name);
    };
    const long = ['a', 'b'].map((name) => turns.begin(asker(name), stepsOf(7, step(name))));
    const short = compute('c', 1);
    assert.equal(done.join(''), 'ab');
    await runtime.advance(1_000);
    assert.deepEqual(await Promise.all([...long, short]), ['done', 'done', undefined]);
    assert.equal(done.map((one) => one.slice(0, 1)).join(''), 'abaaabbbcaaabbb');
  });

  test('after 10 ms of steps nobody computes for as long as they took', async () => {
    const { runtime, turns, done, asker } = scene();
    const step = (): void => {
      runtime.compute(10);
      done.push(`${runtime.now()}`);
    };
    const all = turns.begin(asker('a'), stepsOf(4, step));
    await runtime.advance(1_000);
    assert.equal(await all, 'done');
    assert.deepEqual(done, ['10', '20', '50', '70'], 'the first step counts as well');
  });

  test('of steps of one that leaves nothing more is done, and an error is told', async () => {
    const { runtime, turns, asker } = scene();
    let steps = 0;
    const step = (): void => {
      steps += 1;
      runtime.compute(10);
    };
    const left = turns.begin(asker('a'), stepsOf(1_000, step));
    const failed = turns.begin(asker('b'), failingAfter(3));
    await Promise.all([assert.rejects(async () => failed, /a step failed/), runtime.advance(100)]);
    assert.ok(steps > 1 && steps < 20);
    const before = steps;
    turns.cancel(asker('a'));
    await Promise.all([
      assert.rejects(async () => left, withCode('ERR_CONNECTION_CLOSED')),
      runtime.advance(1_000),
    ]);
    assert.equal(steps, before);
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
