import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Decompress, DecompressionTurns, type Outcome } from '../../../src/base/decompression-turns.ts';
import { type ErrorCode, PeerloomError } from '../../../src/base/errors.ts';
import { systemRuntime } from '../../../src/base/runtime.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { ThreadedRuntime } from '../../support/virtual-runtimes.ts';

const mebibyte = 2 ** 20;

/** Connections, named by letters, whose messages take 100 ms to decompress. */
function scene(runtime = new VirtualRuntime()) {
  const turns = new DecompressionTurns(runtime);
  const done: string[] = [];
  const connections = new Map<string, { readonly name: string }>();
  const connection = (name: string) => {
    if (!connections.has(name)) connections.set(name, { name });
    return connections.get(name)!;
  };
  const conclude = (name: string) => (outcome: Outcome) => {
    done.push(`${name} ${runtime.now()}`);
    return { name, bytes: outcome().length };
  };
  const take = (name: string, decompress: Decompress) =>
    turns.run(connection(name), decompress, conclude(name));
  const unfold = (name: string, bytes = mebibyte, tookMs = 100) =>
    take(name, () => {
      runtime.compute(tookMs);
      return new Uint8Array(bytes);
    });
  /** Four steps of 100 ms. */
  const stepByStep: Decompress = async ({ pause }) => {
    for (let step = 0; step < 4; step++) {
      if (step > 0) await pause();
      runtime.compute(100);
    }
    return new Uint8Array(mebibyte);
  };
  const leave = (name: string) => turns.cancel(connection(name));
  return { runtime, turns, done, conclude, take, unfold, stepByStep, leave };
}

suite('decompression', () => {
  test('pauses for all connections after a MiB of any, for as long as that took', async () => {
    const { runtime, turns, done, unfold } = scene();
    assert.deepEqual(unfold('a'), { name: 'a', bytes: mebibyte });
    assert.equal(turns.isFree, false);
    const other = unfold('b');
    await runtime.advance(99);
    assert.deepEqual(done, ['a 100']);
    await runtime.advance(1);
    assert.deepEqual(await other, { name: 'b', bytes: mebibyte });
    assert.deepEqual(done, ['a 100', 'b 300']);
  });

  test('does not pause before', async () => {
    const { done, unfold, turns, runtime } = scene();
    for (let count = 0; count < 8; count++) {
      assert.equal(turns.isFree, true);
      unfold('a', mebibyte / 8, 1);
    }
    assert.equal(turns.isFree, false);
    assert.equal(done.length, 8);
    await runtime.advance(8);
    assert.equal(turns.isFree, true);
  });

  test('pauses after 10 ms as well, however little came out of it', async () => {
    const { runtime, turns, take } = scene();
    const tables: Decompress = () => {
      runtime.compute(4);
      return new Uint8Array(1);
    };
    for (const isFree of [true, true, false]) {
      take('a', tables);
      assert.equal(turns.isFree, isFree);
    }
    await runtime.advance(11);
    assert.equal(turns.isFree, false);
    await runtime.advance(1);
    assert.equal(turns.isFree, true);
  });

  test('takes up half of the time, and goes on in the order of asking', async () => {
    const { runtime, done, unfold } = scene();
    const keepOn = async (name: string): Promise<void> => {
      for (let count = 0; count < 2; count++) await unfold(name);
    };
    const all = Promise.all(['a', 'b', 'c'].map(keepOn));
    await runtime.settle(all);
    assert.deepEqual(done, ['a 100', 'b 300', 'c 500', 'a 700', 'b 900', 'c 1100']);
  });

  test('who comes while others wait comes after them, though the pause is over', async () => {
    const { runtime, done, unfold } = scene();
    unfold('a');
    unfold('b');
    runtime.compute(1_000);
    unfold('c');
    await runtime.advance(1_000);
    assert.deepEqual(done, ['a 100', 'b 1200', 'c 1400']);
  });

  test('that fails counts in full', () => {
    const { runtime, turns, take } = scene();
    const fail = (): Uint8Array => {
      runtime.compute(50);
      throw new Error('damaged');
    };
    assert.throws(() => take('a', fail), /damaged/);
    assert.equal(turns.isFree, false);
    runtime.compute(50);
    assert.equal(turns.isFree, true);
  });

  test('is not waited for by who leaves, and leaves no timer behind', async () => {
    const { runtime, turns, done, unfold, leave } = scene();
    unfold('a');
    assert.deepEqual(runtime.pending, [], 'nor without anybody who waits');
    const [b, c] = [unfold('b'), unfold('c')];
    assert.equal(runtime.pending.length, 1);
    leave('b');
    assert.equal(await b, undefined);
    assert.equal(runtime.pending.length, 1);
    leave('c');
    leave('c');
    assert.equal(await c, undefined);
    assert.deepEqual(runtime.pending, []);
    await runtime.advance(1_000);
    assert.deepEqual([done, turns.isFree], [['a 100'], true]);
  });

  test('makes nobody wait for a compression that is not known, but for what is damaged', () => {
    const { turns, take } = scene();
    const failing = (code: ErrorCode) => () =>
      take('a', () => {
        throw new PeerloomError(code, 'as the test says');
      });
    assert.throws(failing('ERR_COMPRESSION_UNAVAILABLE'), PeerloomError);
    assert.equal(turns.isFree, true);
    assert.throws(failing('ERR_DECOMPRESSION'), PeerloomError);
    assert.equal(turns.isFree, false);
  });
});

suite('decompression that does not end at once', () => {
  test('pauses after each step for as long as that took, and nobody comes between', async () => {
    const { runtime, done, take, unfold, stepByStep } = scene();
    const first = take('a', stepByStep);
    unfold('b');
    await runtime.advance(2_000);
    assert.deepEqual(await first, { name: 'a', bytes: mebibyte });
    assert.deepEqual(done, ['a 700', 'b 900'], '4 steps and 3 pauses; a pause for the last step, and b');
  });

  test('does not pause after less than 10 ms', async () => {
    const { runtime, take } = scene();
    let pauses = 0;
    const plain = await take('a', async ({ pause }) => {
      for (let step = 0; step < 100; step++) {
        runtime.compute(1);
        const rest = pause();
        if (rest === undefined) continue;
        pauses++;
        await runtime.advance(10);
        await rest;
      }
      return new Uint8Array(1);
    });
    assert.deepEqual([plain, pauses], [{ name: 'a', bytes: 1 }, 10]);
  });

  test('counts what this thread computed, not what another did', async () => {
    const { runtime, done, take, unfold } = scene(new ThreadedRuntime());
    const thread = Promise.withResolvers<Uint8Array>();
    const first = take('a', ({ aside }) => {
      runtime.compute(20);
      return aside!(thread.promise);
    });
    unfold('b');
    await runtime.advance(200);
    assert.deepEqual([done, runtime.pending], [[], []]);
    thread.resolve(new Uint8Array(mebibyte));
    await first;
    await runtime.advance(1_000);
    assert.deepEqual(done, ['a 220', 'b 340']);
  });

  test('that fails is told of, and counts in full', async () => {
    const { runtime, turns, take } = scene();
    const fail: Decompress = async ({ pause }) => {
      runtime.compute(50);
      await pause();
      throw new Error('damaged');
    };
    const failing = take('a', fail) as Promise<unknown>;
    const rejected = assert.rejects(failing, /damaged/);
    await runtime.advance(50);
    await rejected;
    assert.equal(turns.isFree, false);
    await runtime.advance(1);
    assert.equal(turns.isFree, true);
  });

  test('is given up at its next pause when who sent it leaves, and nothing is left', async () => {
    const { runtime, turns, done, take, unfold, stepByStep, leave } = scene();
    const [first, second] = [take('a', stepByStep), unfold('b')];
    await runtime.advance(200);
    leave('a');
    assert.equal(await first, undefined);
    await runtime.advance(2_000);
    assert.ok(await second);
    assert.equal(done.length, 1);
    assert.deepEqual([turns.isFree, runtime.pending], [true, []]);
  });

  test('of a thread holds up all others until it ends, though who sent it has left', async () => {
    const { runtime, turns, done, take, unfold, leave } = scene(new ThreadedRuntime());
    const thread = Promise.withResolvers<Uint8Array>();
    const first = take('a', ({ aside }) => aside!(thread.promise));
    const second = unfold('b');
    leave('a');
    assert.equal(await first, undefined);
    await runtime.advance(1_000);
    assert.deepEqual([done, turns.isFree], [[], false], 'else an attacker could keep many threads busy');
    thread.resolve(new Uint8Array(1));
    await runtime.advance(1);
    assert.deepEqual(await second, { name: 'b', bytes: mebibyte });
    assert.deepEqual(done, ['b 1100']);
  });

  test('may use threads where time passes by itself', () => {
    const seen: boolean[] = [];
    const look: Decompress = ({ aside }) => {
      seen.push(aside !== undefined);
      return new Uint8Array(1);
    };
    for (const runtime of [systemRuntime, new VirtualRuntime()]) {
      new DecompressionTurns(runtime).run({}, look, () => {});
    }
    assert.deepEqual(seen, [true, false]);
  });
});

test('an error of who asked, in its turn, is its own to handle', async () => {
  const { runtime, turns, unfold } = scene();
  unfold('a');
  const failing = turns.run(
    {},
    () => new Uint8Array(1),
    () => {
      throw new Error('a defect');
    },
  ) as Promise<unknown>;
  const failed = assert.rejects(failing, /a defect/);
  await runtime.advance(200);
  await failed;
  assert.equal(turns.isFree, true);
});
