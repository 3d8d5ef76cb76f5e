import type { Windows } from '../../src/wire/frames/windows.ts';

/** As wide as those of a node with default limits. */
export const defaultWindows: Windows = { messages: 4_194_304, requests: 4_194_304, protocols: 4_194_304 };

/** For tests of something else. */
export const endlessWindows: Windows = {
  messages: Number.MAX_SAFE_INTEGER,
  requests: Number.MAX_SAFE_INTEGER,
  protocols: Number.MAX_SAFE_INTEGER,
};
