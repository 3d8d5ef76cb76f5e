import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { faultyHandshake, scenes } from '../support/faulty-handshakes.ts';
import { linkFaults } from '../support/faulty-links.ts';
import '../support/look-over.ts';

/** `npm run test:long -- handshakes` tries each fault at each piece, with either side as the one with the lower id. */
const isEvery = process.env.PEERLOOM_ALL_HANDSHAKE_FAULTS !== undefined;

suite('protocol 8 and 10: a fault at a piece of a handshake leaves two nodes that agree', () => {
  for (const [name, scene] of Object.entries(scenes)) {
    test(name, async () => {
      let turn = 0;
      for (const lower of ['a', 'b'] as const) {
        const calm = await faultyHandshake({ scene, plan: [], lower });
        assert.deepEqual(calm.problems, [], `without a fault, ${lower} has the lower id`);
        const { a, b } = calm.connects;
        assert.ok(a === b && a <= 1, `connected ${a} and ${b} times, ${lower} has the lower id`);
        for (let at = 1; at <= calm.pieces; at++) {
          for (const what of linkFaults) {
            turn += 1;
            if (!isEvery && turn % 5 !== 0) continue;
            const { problems } = await faultyHandshake({ scene, plan: [{ at, what }], lower });
            assert.deepEqual(problems, [], `${what} at piece ${at}, ${lower} has the lower id`);
          }
        }
      }
    });
  }
});
