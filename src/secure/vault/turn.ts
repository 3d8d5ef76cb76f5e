import { minPauseMs, type Pace } from '../../base/computing-pace.ts';
import type { Runtime } from '../../base/runtime.ts';

/** Lets all other work that is ready run. Long work calls it regularly. */
export function turn(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => {
    runtime.setTimeout(resolve, 0);
  });
}

/**
 * The pace of work for this node's own user: every few milliseconds it lets other work run. It takes all of the
 * remaining time.
 */
export function turnPace(runtime: Runtime): Pick<Pace, 'pause'> {
  let beganAtMs = runtime.now();
  const pause = async (): Promise<void> => {
    await turn(runtime);
    beganAtMs = runtime.now();
  };
  return { pause: () => (runtime.now() - beganAtMs < minPauseMs ? undefined : pause()) };
}
