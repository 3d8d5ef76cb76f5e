import type { ResolvedOptions } from '../../api/options.ts';

/** Throws if a recorder is asked for, because pages have no files. */
export function createRecorder({ recorder }: ResolvedOptions): undefined {
  if (recorder !== undefined) throw new TypeError('recorder needs Node.js');
}
