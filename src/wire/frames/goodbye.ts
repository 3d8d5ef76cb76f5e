import { printable } from '../../base/printable.ts';
import { parseObject } from './hello.ts';

/** The reasons for the end of a connection, as they are sent (docs/protocol.md, section 7). */
export const goodbyeCodes = {
  disconnected: 'the node closed the connection',
  stopped: 'the node stopped',
  duplicate: 'the two nodes are connected already',
  replaced: 'a newer connection of the same node took its place',
  conflict: 'another process uses the same identity',
  full: 'the node has as many connections as it allows',
  refused: 'the node does not admit this peer',
  network: 'the nodes belong to different networks',
  version: 'the nodes share no version of the protocol',
  self: 'the address leads to the node itself',
  protocol: 'the other side broke the protocol',
  timeout: 'the other side did not answer in time',
  overload: 'the other side does not read what it asks for',
  neighbour: 'the node has no place for another neighbour',
  probe: 'the node only wanted to know who answers at this address',
} as const;
export type GoodbyeCode = keyof typeof goodbyeCodes;

export interface Goodbye {
  readonly code: GoodbyeCode;
  /** A sentence for people. */
  readonly message: string;
}

export function goodbye(code: GoodbyeCode, message: string = goodbyeCodes[code]): Goodbye {
  return { code, message };
}

const encoder = new TextEncoder();
const maxMessageLength = 500;

export function encodeGoodbye({ code, message }: Goodbye): Uint8Array {
  return encoder.encode(JSON.stringify({ code, message: message.slice(0, maxMessageLength) }));
}

/**
 * Reads a goodbye. Unknown codes, of newer versions, count as `disconnected`. @throws PeerloomError `ERR_HANDSHAKE`.
 */
export function decodeGoodbye(body: Uint8Array): Goodbye {
  const { code, message } = parseObject(body, 'goodbye');
  const known = typeof code === 'string' && Object.hasOwn(goodbyeCodes, code);
  const text = typeof message === 'string' ? printable(message).slice(0, maxMessageLength) : '';
  return goodbye(known ? (code as GoodbyeCode) : 'disconnected', text || undefined);
}
