import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Fault, linkFaults, nodeActs } from '../support/faulty-links.ts';
import { talkWithFaults } from '../support/talk-with-faults.ts';
import { fuzzLive } from './fuzz.ts';

/** How long the test may take. */
const timeLimitMs = 5_000;

/** Most of what may go wrong is found where one follows the other soon. */
const anyGap = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 8 }) },
  fc.integer({ min: 1, max: 60 }),
);

const anyFault = fc.constantFrom(...linkFaults, 'connect a' as const, 'connect b' as const);

const anyPlan = fc
  .record({
    faults: fc.array(fc.tuple(anyGap, anyFault), { minLength: 1, maxLength: 5 }),
    last: fc.option(fc.tuple(anyGap, fc.constantFrom(...nodeActs))),
    start: fc.oneof(fc.nat(8), fc.nat(140)),
  })
  .map(({ faults, last, start }) => {
    let at = start;
    return [...faults, ...(last === null ? [] : [last])].map(([gap, what]): Fault => {
      at += gap;
      return { at, what };
    });
  });

test('two nodes that keep connected lose nothing untold, whatever happens to them', async () => {
  const anySide = fc.constantFrom('a' as const, 'b' as const);
  const property = fc.asyncProperty(anyPlan, anySide, fc.nat(), async (plan, lower, seed) => {
    assert.deepEqual((await talkWithFaults({ plan, lower, seed })).problems, []);
  });
  await fuzzLive('talks with faults', property, timeLimitMs);
});
