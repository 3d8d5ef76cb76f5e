import type { Log } from '../../src/debug.ts';

/** A log that nobody reads. */
export const silentLog: Log = Object.assign(() => {}, { enabled: false });
