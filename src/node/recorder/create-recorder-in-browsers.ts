import type { ResolvedOptions } from '../../api/options.ts';

/** Pages have no files. */
export function createRecorder({ recorder }: ResolvedOptions): undefined {
  if (recorder !== undefined) throw new TypeError('recorder needs Node.js');
}
