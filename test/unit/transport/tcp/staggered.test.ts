import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';
import { staggered } from '../../../../src/transport/tcp/staggered.ts';
import { turns } from '../../../support/turns.ts';

interface Attempt {
  readonly startedAt: number;
  readonly signal: AbortSignal;
  readonly succeed: () => void;
  readonly fail: () => void;
}

/** Attempts that the test ends, by the name of their candidate, which is their result as well. */
function start(candidates: readonly string[], signal = new AbortController().signal) {
  const runtime = new VirtualRuntime();
  const attempts = new Map<string, Attempt>();
  const discarded: string[] = [];
  const result = staggered({
    candidates,
    runtime,
    signal,
    discard: (late: string) => void discarded.push(late),
    attempt: (candidate, ending) => {
      const outcome = Promise.withResolvers<string>();
      attempts.set(candidate, {
        startedAt: runtime.now(),
        signal: ending,
        succeed: () => outcome.resolve(candidate),
        fail: () => outcome.reject(new Error(`${candidate} failed`)),
      });
      return outcome.promise;
    },
  });
  result.catch(() => {});
  const startedAt = () => [...attempts].map(([candidate, attempt]) => [candidate, attempt.startedAt]);
  return { runtime, attempts, discarded, result, startedAt };
}

suite('of several candidates', () => {
  test('each is tried 250 ms after the one before it, and the earlier ones go on', async () => {
    const { runtime, attempts, result, startedAt } = start(['a', 'b', 'c']);
    await runtime.advance(10_000);
    assert.deepEqual(startedAt(), [
      ['a', 0],
      ['b', 250],
      ['c', 500],
    ]);
    attempts.get('a')!.succeed();
    assert.equal(await result, 'a');
    assert.deepEqual(runtime.pending, [], 'no timer is left');
  });

  test('the next one is tried at once when the one before it has failed', async () => {
    const { runtime, attempts, result, startedAt } = start(['a', 'b', 'c']);
    await runtime.advance(100);
    attempts.get('a')!.fail();
    await runtime.advance(0);
    attempts.get('b')!.fail();
    await runtime.advance(0);
    assert.deepEqual(startedAt(), [
      ['a', 0],
      ['b', 100],
      ['c', 100],
    ]);
    attempts.get('c')!.succeed();
    assert.equal(await result, 'c');
  });

  test('the first to succeed wins, the others end, and none is tried any more', async () => {
    const { runtime, attempts, discarded, result } = start(['a', 'b', 'c']);
    await runtime.advance(300);
    attempts.get('b')!.succeed();
    assert.equal(await result, 'b');
    assert.ok(attempts.get('a')!.signal.aborted);
    attempts.get('a')!.succeed();
    await turns();
    assert.deepEqual(discarded, ['a'], 'what comes too late is not lost sight of');
    await runtime.advance(10_000);
    assert.deepEqual([...attempts.keys()], ['a', 'b']);
  });

  test('the failure of the last one is what is told when all have failed', async () => {
    const { runtime, attempts, result } = start(['a', 'b']);
    await runtime.advance(300);
    attempts.get('b')!.fail();
    attempts.get('a')!.fail();
    await assert.rejects(result, /b failed/);
    assert.deepEqual(runtime.pending, []);
  });
});

test('the signal ends all attempts, with its reason', async () => {
  const controller = new AbortController();
  const { runtime, attempts, discarded, result } = start(['a', 'b', 'c'], controller.signal);
  await runtime.advance(300);
  controller.abort(new Error('the node stops'));
  for (const [, { signal, fail }] of attempts) {
    assert.ok(signal.aborted);
    fail();
  }
  await assert.rejects(result, /the node stops/);
  await runtime.advance(10_000);
  assert.deepEqual([[...attempts.keys()], discarded], [['a', 'b'], []]);
});

test('nothing is tried when the signal has fired already', async () => {
  const { attempts, result } = start(['a'], AbortSignal.abort(new Error('too late')));
  await assert.rejects(result, /too late/);
  assert.equal(attempts.size, 0);
});
