import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import '../support/look-over.ts';
import { randomNetwork } from '../support/random-network.ts';

/** `npm run test:long -- networks` tries 5,000. */
const seeds = Number(process.env.PEERLOOM_NETWORKS ?? 80);

const manners = ['wild', 'faithful', 'wild', 'faithful', 'twins'] as const;

suite('protocol 8 and 10: nodes that dial, send, leave and restart at random, over links that break', () => {
  test(`keep one connection for each pair, agree on it, and lose nothing untold: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const manner = manners[seed % manners.length]!;
      const { problems } = await randomNetwork({ seed, nodes: 2 + (seed % 3), manner });
      assert.deepEqual(problems, [], `seed ${seed}`);
    }
  });

  test('do the same for the same seed, event for event', async () => {
    const [one, other] = [await randomNetwork({ seed: 7 }), await randomNetwork({ seed: 7 })];
    assert.ok(one.trace.length > 30, `${one.trace.length} events`);
    assert.deepEqual(one.trace, other.trace);
    assert.notDeepEqual((await randomNetwork({ seed: 8 })).trace, one.trace);
  });
});
