import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import '../support/look-over.ts';
import { randomNetwork } from '../support/random-network.ts';

/** `npm run test:long -- networks` tries 5,000. */
const seeds = Number(process.env.PEERLOOM_NETWORKS ?? 40);

const manners = ['wild', 'faithful', 'wild', 'faithful', 'twins'] as const;

suite('protocol 8 and 10: nodes that dial, send, leave and restart at random, over links that break', () => {
  test(`keep one connection for each pair, agree on it, and lose nothing untold: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const manner = manners[seed % manners.length]!;
      await assert.doesNotReject(randomNetwork({ seed, nodes: 2 + (seed % 3), manner }), `seed ${seed}`);
    }
  });

  test('do the same for the same seed, event for event', async () => {
    const digest = await randomNetwork({ seed: 7 });
    assert.equal(await randomNetwork({ seed: 7 }), digest);
    assert.notEqual(await randomNetwork({ seed: 8 }), digest);
  });
});
