/** Written instead of a payload's format, which is encrypted together with the body. */
export const sealedFormat = 0;

/** The length of the salt at the beginning of a sealed body. */
export const saltBytes = 32;

/** The length of the AES-GCM tag at the end of a sealed body. */
const tagBytes = 16;

/** How many bytes longer a body becomes when it is sealed. One of them is the format. */
export const sealBytes = saltBytes + 1 + tagBytes;
