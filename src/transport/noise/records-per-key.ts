/**
 * After so many records the key changes: fewer than the 2^24 that AES-GCM allows for one key (RFC 8446, section 5.5),
 * because records may be four times as long as those of TLS.
 */
export const recordsPerKey = 2 ** 20;
