import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TurnShare } from '../../../src/base/turn-share.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';

/** Neighbours whose messages take a millisecond to prove, and which of them were proven. */
function scene() {
  const runtime = new VirtualRuntime();
  const done: string[] = [];
  const neighbour = (name: string) => {
    const share = new TurnShare(runtime);
    const prove = (what: string): string | Promise<string> =>
      share.run(() => {
        runtime.compute(1);
        done.push(`${name} ${what}`);
        return what;
      });
    return { share, prove };
  };
  return { runtime, done, neighbour };
}

suite('the share of a neighbour', () => {
  test('of one turn of the event loop is 3 ms, and what does not fit waits for others, in order', async () => {
    const { runtime, done, neighbour } = scene();
    const { prove } = neighbour('a');
    const results = ['1', '2', '3', '4', '5', '6', '7'].map(prove);
    assert.deepEqual(results.slice(0, 3), ['1', '2', '3']);
    assert.equal(done.length, 3);
    await runtime.advance(0);
    assert.equal(done.length, 6);
    assert.ok(results[6] instanceof Promise, 'what comes behind something that waits waits as well');
    await runtime.advance(3);
    assert.deepEqual(await Promise.all(results), ['1', '2', '3', '4', '5', '6', '7']);
    assert.deepEqual(
      done,
      ['1', '2', '3', '4', '5', '6', '7'].map((what) => `a ${what}`),
    );
  });

  test('is not shared with other neighbours, and of those that wait one goes on in each turn', async () => {
    const { runtime, done, neighbour } = scene();
    const [a, b, c] = [neighbour('a'), neighbour('b'), neighbour('c')];
    for (const { prove } of [a, b]) for (const what of ['1', '2', '3', '4', '5', '6', '7', '8']) prove(what);
    assert.equal(done.length, 6);
    assert.equal(c.prove('1'), '1', 'who needs little waits for nobody');
    for (const part of ['a', 'b', 'a', 'b']) {
      const before: number = done.length;
      while (done.length === before) await runtime.advance(1);
      assert.ok(done.slice(before).every((one) => one.startsWith(part)));
      assert.ok(done.length - before <= 3);
    }
  });

  test('is there again in the next turn, for all that comes then', async () => {
    const { runtime, neighbour } = scene();
    const { prove } = neighbour('a');
    for (const what of ['1', '2', '3']) assert.equal(prove(what), what);
    await runtime.advance(1);
    assert.equal(prove('4'), '4');
  });

  test('ends with the connection: what waits rejects, and costs nothing', async () => {
    const { runtime, done, neighbour } = scene();
    const { share, prove } = neighbour('a');
    const results = ['1', '2', '3', '4', '5'].map(prove);
    const rejected = Promise.all(
      results
        .slice(3)
        .map((result) => assert.rejects(result as Promise<string>, withCode('ERR_CONNECTION_CLOSED'))),
    );
    share.cancel();
    await rejected;
    await runtime.advance(10);
    assert.equal(done.length, 3);
  });

  test('is given once more to a neighbour that leaves, for what waits, and the rest rejects', async () => {
    const { runtime, done, neighbour } = scene();
    const { share, prove } = neighbour('a');
    const results = ['1', '2', '3', '4', '5', '6', '7', '8'].map(prove);
    const rejected = Promise.all(
      results
        .slice(6)
        .map((result) => assert.rejects(result as Promise<string>, withCode('ERR_CONNECTION_CLOSED'))),
    );
    share.finish();
    assert.deepEqual(await Promise.all(results.slice(3, 6)), ['4', '5', '6']);
    await rejected;
    await runtime.advance(10);
    assert.equal(done.length, 6);
  });

  test('passes on what fails, at once and later', async () => {
    const { runtime, neighbour } = scene();
    const { share, prove } = neighbour('a');
    const fail = (): never => {
      throw new Error('forged');
    };
    assert.throws(() => share.run(fail), /forged/);
    for (const what of ['1', '2', '3']) prove(what);
    const failed = assert.rejects(share.run(fail) as unknown as Promise<void>, /forged/);
    await runtime.advance(1);
    await failed;
  });
});
