/** The major types of RFC 8949, section 3.1. */
export const MajorType = {
  unsigned: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const;

/** The arguments of the major type 7 (RFC 8949, section 3.3). */
export const Simple = { false: 20, true: 21, null: 22, half: 25, single: 26, double: 27 } as const;

/** CBOR text is UTF-8, so a string with lone surrogates is sent as embedded JSON, which escapes them. */
export const embeddedJsonTag = 262;
