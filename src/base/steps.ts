import type { Pace } from './computing-pace.ts';

/** Work in pieces of bounded length, so that the caller can let others run between them. */
export type Steps<Result> = Generator<undefined, Result>;

/** Does all of the work at once. */
export function runNow<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Does the work piece by piece, and pauses when the pace says so. */
export async function runPaced<Result>(steps: Steps<Result>, pace: Pick<Pace, 'pause'>): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await pace.pause();
  }
}
