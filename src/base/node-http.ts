/** A request of `node:http`; `any` where the types of Node.js are not installed. */
export type NodeRequest =
  // biome-ignore lint/suspicious/noTsIgnore: it is an error only in projects without those types
  /** @ts-ignore */
  import('node:http').IncomingMessage;

/** A response of `node:http`; `any` where the types of Node.js are not installed. */
export type NodeResponse =
  // biome-ignore lint/suspicious/noTsIgnore: it is an error only in projects without those types
  /** @ts-ignore */
  import('node:http').ServerResponse;
