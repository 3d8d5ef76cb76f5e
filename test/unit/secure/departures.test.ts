import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Departures } from '../../../src/secure/departures.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { turns } from '../../support/turns.ts';

/** Departures to neighbours whose links a test drains by hand. */
function scene() {
  const runtime = new VirtualRuntime();
  const departures = new Departures(runtime);
  const left: string[] = [];
  const drains = new Map<string, () => void>();
  const give = (name: string): Promise<string | undefined> => {
    const drained = () => new Promise<void>((resolve) => drains.set(name, resolve));
    return departures.run({ drained }, async () => {
      left.push(name);
      return `${name} has it`;
    });
  };
  return { runtime, departures, left, drains, give };
}

suite('large letters that leave', () => {
  test('follow each other as the links take them', async () => {
    const { runtime, left, drains, give } = scene();
    const given = ['a', 'b', 'c'].map(give);
    await turns();
    assert.deepEqual(left, ['a']);
    assert.equal(await given[0], 'a has it');
    drains.get('a')!();
    await turns();
    assert.deepEqual(left, ['a', 'b']);
    drains.get('b')!();
    assert.equal(await given[2], 'c has it');
    drains.get('c')!();
    await turns();
    assert.deepEqual(runtime.pending, []);
  });

  test('wait for a slow link for 50 ms and no longer', async () => {
    const { runtime, left, give } = scene();
    for (const name of ['slow', 'b']) void give(name);
    await runtime.advance(49);
    assert.deepEqual(left, ['slow']);
    await runtime.advance(1);
    assert.deepEqual(left, ['slow', 'b']);
  });

  test('wait for none that fails, or that nobody wants any more', async () => {
    const { runtime, departures, left, give } = scene();
    const neighbour = { drained: () => new Promise<void>(() => {}) };
    const closed = departures.run(neighbour, () => {
      throw new Error('it has closed');
    });
    const unwanted = departures.run(neighbour, () => undefined);
    void give('next');
    await assert.rejects(closed, /it has closed/);
    assert.equal(await unwanted, undefined);
    await turns();
    assert.deepEqual(left, ['next']);
    await runtime.advance(50);
    assert.deepEqual(runtime.pending, []);
  });
});
