import { appendFileSync } from 'node:fs';
import fc from 'fast-check';
import '../support/checked-pools.ts';

/** How many times as much as `npm test` does; `npm run fuzz` sets it, and collects the counts. */
const scale = Number(process.env.PEERLOOM_FUZZ_SCALE ?? 1);
const countsFile = process.env.PEERLOOM_FUZZ_COUNTS;

/** Tries so many cases. @param subject what they are thrown at, as the counts of the long run name it. */
export function fuzz<Values>(subject: string, property: fc.IProperty<Values>, cases = 100): void {
  conclude(subject, fc.check(property, { numRuns: cases * scale }));
}

/** Cases that a machine tries however slow it is. */
const leastCases = 20;

/** Tries as many cases as there is time for. */
export async function fuzzLive<Values>(
  subject: string,
  property: fc.IAsyncProperty<Values>,
  milliseconds: number,
): Promise<void> {
  const inTime = await fc.check(property, {
    numRuns: 500 * scale,
    interruptAfterTimeLimit: milliseconds * scale,
    markInterruptAsFailure: false,
  });
  conclude(subject, inTime);
  const missing = leastCases - inTime.numRuns;
  if (missing > 0) conclude(subject, await fc.check(property, { numRuns: missing }));
}

function conclude<Values>(subject: string, details: fc.RunDetails<Values>): void {
  if (countsFile !== undefined) appendFileSync(countsFile, `${details.numRuns} ${subject}\n`);
  if (!details.failed) return;
  throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
}
