import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LostNodes } from '../../../../src/overlay/membership/lost-nodes.ts';
import { randomFrom } from '../../../support/random-from.ts';

suite('lost nodes', () => {
  test('are tried one in a round, and each round again once one was found', () => {
    const lost = new LostNodes<{ id: string }>(randomFrom(1));
    assert.equal(lost.next(), undefined);
    lost.add({ id: 'a' });
    lost.add({ id: 'b' });
    const pauses: number[] = [];
    let pause = 0;
    for (let round = 0; round < 60; round++) {
      const next = lost.next();
      if (next === undefined) {
        pause += 1;
        continue;
      }
      pauses.push(pause);
      pause = 0;
      lost.add(next);
    }
    assert.deepEqual(pauses, [0, 0, 1, 3, 7, 11, 11, 11]);
    assert.ok(lost.found('a'));
    assert.ok(!lost.found('a'));
    assert.deepEqual(lost.next(), { id: 'b' });
  });

  test('are given up after 48 failures', () => {
    const lost = new LostNodes<{ id: string }>(randomFrom(1));
    lost.add({ id: 'a' });
    for (let failure = 0; failure < 47; failure++) lost.add({ id: 'a' });
    assert.ok(lost.has('a'));
    lost.add({ id: 'a' });
    assert.ok(!lost.has('a'));
  });

  test('are 32 at most', () => {
    const lost = new LostNodes<{ id: string }>(randomFrom(1));
    for (let count = 0; count < 1_000; count++) lost.add({ id: `${count}` });
    assert.equal(lost.size, 32);
    assert.ok(lost.has('999') && !lost.has('967'));
  });
});
