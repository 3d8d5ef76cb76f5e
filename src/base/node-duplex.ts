/** A `Duplex` of `node:stream`; `any` where the types of Node.js are not installed. */
export type NodeDuplex =
  // biome-ignore lint/suspicious/noTsIgnore: it is an error only in projects without those types
  /** @ts-ignore */
  import('node:stream').Duplex;
