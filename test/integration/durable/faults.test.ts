import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { linkFaults, nodeActs } from '../../support/faulty-links.ts';
import '../../support/look-over.ts';
import { talkWithFaults } from '../../support/talk-with-faults.ts';

/** `npm run test:long -- faults` tries each moment, with either side as the one with the lower id. Here: every fourth. */
const isBoth = process.env.PEERLOOM_FAULTS_ON_BOTH_SIDES !== undefined;

/** `npm run fuzz` tries plans of several faults. */
suite('nothing is lost, doubled, moved or untold, whatever happens once, at whatever moment', async () => {
  const calm = await talkWithFaults({ plan: [] });

  test('nothing at all', () => {
    assert.deepEqual(calm.problems, []);
    assert.ok(calm.pieces > 100, `${calm.pieces} pieces`);
  });

  for (const [index, what] of [...linkFaults, ...nodeActs].entries()) {
    test(what, async () => {
      const step = isBoth ? 1 : 4;
      for (let at = 1 + (index % step); at <= calm.pieces; at += step) {
        for (const lower of isBoth
          ? (['a', 'b'] as const)
          : ([Math.floor(at / step) % 2 === 0 ? 'a' : 'b'] as const)) {
          const { problems } = await talkWithFaults({ plan: [{ at, what }], lower });
          assert.deepEqual(problems, [], `at ${at}, ${lower} has the lower id`);
        }
      }
    });
  }
});
