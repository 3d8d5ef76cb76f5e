import type { Log } from '../../src/base/debug.ts';

/** A log that nobody reads. */
export const silentLog: Log = Object.assign(() => {}, { enabled: false });
