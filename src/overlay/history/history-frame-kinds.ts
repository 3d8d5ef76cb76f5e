/** The kinds of frames: the first byte of a frame (docs/protocol.md, clause 17.1). */
export const HistoryFrameKind = {
  keep: 32,
  compare: 33,
  answer: 34,
  refuse: 35,
  offer: 36,
  fetch: 37,
  past: 38,
  fetched: 39,
  seek: 40,
  found: 41,
  keeping: 42,
} as const;
