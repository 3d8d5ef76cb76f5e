import { PeerloomError } from '../base/errors.ts';
import type { Link } from '../transport/transport.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';
import { encodeText } from '../wire/payloads/text.ts';
import { closeFlushMs, PacketChannel, type PacketChannelOptions } from './packet-channel.ts';
import { closingNotice } from './packet-reader.ts';

/**
 * A Python node takes everything in one read, up to 4 KiB, for the id. A dialled node could also handle the first
 * message before its connected event. It sleeps 10 ms between two reads, so this pause is enough.
 */
const pauseAfterIdsMs = 50;

export interface PacketHandshake extends PacketChannelOptions {
  readonly ownId: string;
}

/**
 * Completes the handshake on a link over which the other node has sent its id, and begins the conversation.
 *
 * @throws PeerloomError `ERR_CONNECTION_CLOSED`.
 */
export async function openPacketChannel(link: Link, handshake: PacketHandshake): Promise<PacketChannel> {
  const { direction, ownId, runtime } = handshake;
  const channel = new PacketChannel(link, handshake);
  if (direction === 'inbound') link.send(encodeText(ownId));
  const pause = new Promise<void>((resolve) => runtime.setTimeout(resolve, pauseAfterIdsMs));
  await Promise.race([pause, link.closed]);
  if (channel.isOpen) return channel;
  // If both nodes dialled each other, the Python node notices only now that it needs just one connection.
  throw new PeerloomError('ERR_CONNECTION_CLOSED', 'the node hung up after the ids were exchanged');
}

/** Hangs up. A node that dialled receives no answer, which means a refusal. A dialled node receives the reason. */
export function refusePacketLink(link: Link, direction: 'inbound' | 'outbound', { message }: Goodbye): void {
  if (direction === 'inbound') {
    link.destroy();
    return;
  }
  link.send(closingNotice(message));
  link.close(closeFlushMs);
}
