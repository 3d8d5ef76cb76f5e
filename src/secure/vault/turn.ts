import type { Runtime } from '../../runtime.ts';

/** Lets everything else that is ready run: long work calls it now and then. */
export function turn(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => {
    runtime.setTimeout(resolve, 0);
  });
}
