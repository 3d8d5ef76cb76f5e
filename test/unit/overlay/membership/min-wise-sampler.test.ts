import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../../src/index.ts';
import { MinWiseSampler } from '../../../../src/overlay/membership/min-wise-sampler.ts';
import { randomFrom } from '../../../support/random-from.ts';

const nodes = Array.from({ length: 100 }, (_, at) => ({
  id: Identity.fromSeed(new Uint8Array(32).fill(at + 1)).id,
  isLoud: at < 10,
}));

suite('a min-wise sampler', () => {
  test('gives nodes that are named a thousand times as often no larger share', () => {
    let loud = 0;
    let all = 0;
    for (let seed = 0; seed < 50; seed++) {
      const sampler = new MinWiseSampler<(typeof nodes)[0]>(randomFrom(seed));
      for (const node of nodes) sampler.offer(node);
      for (let time = 0; time < 100; time++) {
        for (const node of nodes) if (node.isLoud) sampler.offer(node);
      }
      loud += sampler.contacts.filter(({ isLoud }) => isLoud).length;
      all += sampler.contacts.length;
    }
    assert.equal(all, 50 * 16);
    // A tenth of 800, with a standard deviation of 8.5.
    assert.ok(loud > 45 && loud < 115, `${loud}`);
  });

  test('keeps what it has, in whatever order nodes come', () => {
    const one = new MinWiseSampler<(typeof nodes)[0]>(randomFrom(1));
    const other = new MinWiseSampler<(typeof nodes)[0]>(randomFrom(1));
    for (const node of nodes) one.offer(node);
    for (const node of nodes.toReversed()) other.offer(node);
    assert.deepEqual(one.contacts, other.contacts);
  });

  test('begins anew in the places of a node that cannot be reached', () => {
    const sampler = new MinWiseSampler<(typeof nodes)[0]>(randomFrom(1));
    sampler.offer(nodes[0]!);
    assert.equal(sampler.contacts.length, 16);
    sampler.remove(nodes[1]!.id);
    assert.equal(sampler.contacts.length, 16);
    sampler.remove(nodes[0]!.id);
    assert.deepEqual(sampler.contacts, []);
    assert.equal(
      sampler.pick(() => true),
      undefined,
    );
    sampler.offer(nodes[1]!);
    assert.equal(
      sampler.pick(({ id }) => id === nodes[1]!.id),
      nodes[1],
    );
  });
});
