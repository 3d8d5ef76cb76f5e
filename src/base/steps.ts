import type { Pace } from './computing-pace.ts';

/** Work that stops after each bounded piece of it, so that whoever runs it can let others run in between. */
export type Steps<Result> = Generator<undefined, Result>;

/** Does all of the work at once. */
export function runNow<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Does the work piece by piece, and pauses as often and as long as the pace says. */
export async function runPaced<Result>(steps: Steps<Result>, pace: Pick<Pace, 'pause'>): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await pace.pause();
  }
}
