/** The most UTF-16 code units in the name of a collection or of an item. */
export const maxNameLength = 256;

/**
 * The most items, and the most log entries, in one delivery. Each has a signature, which takes a tenth of a millisecond
 * to check.
 */
export const maxDelivered = 256;

/** The most bytes of an item's body. Larger content is sent in chunks, so that no single answer takes long to sign. */
export const maxBodyBytes = 1024 * 1024;

/** The most characters of the JSON of a collection's state. About 12,000 wraps fit into it. */
export const maxStateLength = 2 * 1024 * 1024;

/** The most bytes of a chunk of a large item, without its tag. */
export const chunkBytes = 1024 * 1024;

/** Bytes of AES-GCM's tag, by which every ciphertext is longer than its text. */
export const tagBytes = 16;

/** The most chunks of a large item: 1 GiB. Their hashes fit into one item. */
export const maxChunks = 1024;
