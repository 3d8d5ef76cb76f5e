import { frame, hello, kinds, uint32 } from './second-peer.ts';

const maxBodyBytes = 262_144;
const text = { format: 2 };
const more = { ...text, flags: 1 };

/** The beginning of a cut message of `total` bytes, with the first of them. */
export function beginning(total: number, piece: string): Buffer {
  return frame(kinds.message, Buffer.concat([uint32(total), Buffer.from(piece)]), more);
}

/** By their name, frames after a handshake that the other side answers with a goodbye (clause 3.11). */
export const frameBreaches: Readonly<Record<string, readonly Buffer[]>> = {
  '3.2 a body too long, told from its header': [
    frame(kinds.message, '', { ...text, length: maxBodyBytes + 1 }),
  ],
  '3.3 an unknown flag': [frame(kinds.message, 'x', { ...text, flags: 2 })],
  '3.4 kind 0': [frame(0)],
  '3.4 kind 7': [frame(7)],
  '3.4 kind 23': [frame(23, uint32(1))],
  '3.4, 4.9 a hello after the handshake': [hello()],
  '3.4, 4.9 an accept after the handshake': [frame(kinds.accept)],
  '3.6 a ping without its number': [frame(kinds.ping, 'abc')],
  '3.6 a request without its number': [frame(kinds.request, 'abc', text)],
  '3.8 a part without a beginning': [frame(kinds.part, 'x')],
  '3.8 a last piece too long': [beginning(6, 'abc'), frame(kinds.part, 'defg')],
  '3.8 a last piece too short': [beginning(6, 'abc'), frame(kinds.part, 'de')],
  '3.8 a last piece with the flag': [beginning(6, 'abc'), frame(kinds.part, 'def', { flags: 1 })],
  '3.8 an empty piece': [beginning(6, 'abc'), frame(kinds.part, '', { flags: 1 })],
  '3.8 an empty first piece': [beginning(6, '')],
  '3.8 one piece only': [beginning(3, 'abc')],
  '3.8 a cut message inside another': [beginning(6, 'abc'), beginning(6, 'abc')],
  '3.8 a cut ping': [frame(kinds.ping, uint32(8), { flags: 1 })],
  '3.9 a whole too long': [beginning(2 ** 24 + 5, 'x')],
};
