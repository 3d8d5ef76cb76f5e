/** Stands in the place of a payload's format, which is encrypted with the body. */
export const sealedFormat = 0;

/** What a sealed body begins with. */
export const saltBytes = 32;

/** The tag of AES-GCM, which it ends with. */
const tagBytes = 16;

/** How much longer a body is when it is sealed: the format is in it, too. */
export const sealBytes = saltBytes + 1 + tagBytes;
