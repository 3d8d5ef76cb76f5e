import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DecompressionTurns } from '../../src/decompression-turns.ts';
import { type ErrorCode, PeerloomError } from '../../src/errors.ts';
import { VirtualRuntime } from '../support/virtual-runtime.ts';

const mebibyte = 2 ** 20;

/** Connections, named by letters, whose messages take 100 ms to decompress. */
function scene() {
  const runtime = new VirtualRuntime();
  const turns = new DecompressionTurns(runtime);
  const done: string[] = [];
  const connections = new Map<string, { readonly name: string }>();
  const connection = (name: string) => {
    if (!connections.has(name)) connections.set(name, { name });
    return connections.get(name)!;
  };
  const unfold = (name: string, bytes = mebibyte) =>
    turns.take(connection(name), () => {
      turns.count(() => {
        runtime.compute(100);
        return new Uint8Array(bytes);
      });
      done.push(`${name} ${runtime.now()}`);
      return name;
    });
  return { runtime, turns, done, unfold, leave: (name: string) => turns.leave(connection(name)) };
}

suite('decompression', () => {
  test('pauses for all connections after a MiB of any, for as long as that took', async () => {
    const { runtime, turns, done, unfold } = scene();
    assert.equal(unfold('a'), 'a');
    assert.equal(turns.isFree, false);
    const other = unfold('b');
    await runtime.advance(99);
    assert.deepEqual(done, ['a 100']);
    await runtime.advance(1);
    assert.equal(await other, 'b');
    assert.deepEqual(done, ['a 100', 'b 300']);
  });

  test('does not pause before', async () => {
    const { done, unfold, turns, runtime } = scene();
    for (let count = 0; count < 8; count++) {
      assert.equal(turns.isFree, true);
      unfold('a', mebibyte / 8);
    }
    assert.equal(turns.isFree, false);
    assert.equal(done.length, 8);
    await runtime.advance(800);
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
    const { runtime, turns } = scene();
    const fail = (): Uint8Array => {
      runtime.compute(50);
      throw new Error('damaged');
    };
    assert.throws(() => turns.count(fail), /damaged/);
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
    const { turns } = scene();
    const failing = (code: ErrorCode) => () =>
      turns.count(() => {
        throw new PeerloomError(code, 'as the test says');
      });
    assert.throws(failing('ERR_COMPRESSION_UNAVAILABLE'));
    assert.equal(turns.isFree, true);
    assert.throws(failing('ERR_DECOMPRESSION'));
    assert.equal(turns.isFree, false);
  });
});
