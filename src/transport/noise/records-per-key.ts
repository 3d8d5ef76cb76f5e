/**
 * The key changes after this many records. AES-GCM allows 2^24 for one key (RFC 8446, section 5.5), but these records
 * may be four times as long as those of TLS.
 */
export const recordsPerKey = 2 ** 20;
