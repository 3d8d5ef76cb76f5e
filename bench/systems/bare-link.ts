import type { Socket } from 'node:net';
import { LengthPrefixReader, prefixed } from '../length-prefix.ts';
import type { Link, Message, Plan } from '../system.ts';

/**
 * A bare socket, TLS or not, as its documentation has it: a write for each message, `drain` when `write` says so,
 * 'data' events. One-way traffic carries messages of one size and needs no framing, nor is any message put
 * together: this is the limit that the others are held against. Exchanges get a length prefix.
 */
export function bareLink(socket: Socket, plan: Plan): Link {
  const isFramed = plan.traffic === 'exchange';
  const link: Link = {
    send: (message: Message) =>
      socket.write(isFramed ? prefixed(message as Uint8Array) : (message as Uint8Array)),
    drained: () => new Promise((resolve) => socket.once('drain', resolve)),
    stop: () =>
      new Promise((resolve) => {
        if (socket.closed) resolve(undefined);
        socket.once('close', resolve);
        if (plan.traffic === 'none') socket.end();
        else socket.destroy();
      }),
  };
  socket.on('error', () => {});
  if (isFramed) {
    const reader = new LengthPrefixReader((message) => plan.onMessage(message, link));
    socket.on('data', (bytes: Buffer) => reader.push(bytes));
  } else {
    let offset = 0;
    socket.on('data', (bytes: Buffer) => {
      plan.onPiece(bytes, offset);
      offset = (offset + bytes.length) % plan.messageBytes;
    });
  }
  return link;
}
