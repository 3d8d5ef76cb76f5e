import { minPauseMs, type Pace } from '../../base/computing-pace.ts';
import type { Runtime } from '../../base/runtime.ts';

/** Lets everything else that is ready run: long work calls it now and then. */
export function turn(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => {
    runtime.setTimeout(resolve, 0);
  });
}

/** For work of this node's own user: it lets everything else run every few milliseconds, and takes the rest. */
export function turnPace(runtime: Runtime): Pick<Pace, 'pause'> {
  let beganAtMs = runtime.now();
  const pause = async (): Promise<void> => {
    await turn(runtime);
    beganAtMs = runtime.now();
  };
  return { pause: () => (runtime.now() - beganAtMs < minPauseMs ? undefined : pause()) };
}
