import { PeerloomError } from '../base/errors.ts';
import type { Link } from '../transport/transport.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';
import { encodeText } from '../wire/payloads/text.ts';
import { closeFlushMs, PacketChannel, type PacketChannelOptions } from './packet-channel.ts';
import { closingNotice } from './packet-reader.ts';

/**
 * A Python node takes all that it reads at once, up to 4 KiB, for our id, and a node that we have dialled may be given
 * our first message before the event that we are connected: it sleeps 10 ms between two reads.
 */
const pauseAfterIdsMs = 50;

export interface PacketHandshake extends PacketChannelOptions {
  readonly ownId: string;
}

/**
 * Ends the handshake, on a link over which the other node has said its id, and begins the conversation.
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
  // A Python node that has dialled us while we dialled it finds out only now that it needs one of the two.
  throw new PeerloomError('ERR_CONNECTION_CLOSED', 'the node hung up after the ids were exchanged');
}

/** Hangs up on a node: one that dialled us gets no answer, which tells it; one that we dialled is told why. */
export function refusePacketLink(link: Link, direction: 'inbound' | 'outbound', { message }: Goodbye): void {
  if (direction === 'inbound') {
    link.destroy();
    return;
  }
  link.send(closingNotice(message));
  link.close(closeFlushMs);
}
