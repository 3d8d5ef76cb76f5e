/** UTF-16 code units in the name of a collection or of an item. */
export const maxNameLength = 256;

/** Items, and log entries, in one delivery: each has a signature, and checking it takes a tenth of a millisecond. */
export const maxDelivered = 256;

/** Bytes of an item's body. Larger content travels in chunks, so that no single answer takes long to sign. */
export const maxBodyBytes = 1024 * 1024;

/** Characters of the JSON of a collection's state; some 12,000 wraps fit in it. */
export const maxStateLength = 2 * 1024 * 1024;

/** Bytes of a chunk of a large item, without its tag. */
export const chunkBytes = 1024 * 1024;

/** AES-GCM's tag, which makes every ciphertext longer than its text. */
export const tagBytes = 16;

/** 1 GiB, whose hashes fit in one item. */
export const maxChunks = 1024;
