import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import { fastestFirst } from '../noise/cipher-names.ts';
import { checkPinned, unexpected } from '../pipe/handshake-errors.ts';
import type { ExpectedPeer, Link, TransportContext } from '../transport.ts';
import type { OpenedSocket } from './global-socket.ts';
import type { NoiseKey } from './noise-key.ts';
import { secureDialled, subprotocolOf } from './secure-socket.ts';
import { WebSocketLink } from './web-socket-link.ts';

export interface WebSocketDial {
  readonly context: TransportContext;
  readonly noiseKey: NoiseKey;
  readonly address: Address;
  readonly startedAt: number;
  readonly expected: ExpectedPeer | undefined;
  readonly signal: AbortSignal;
  /** Opens the WebSocket and offers these subprotocols. */
  readonly open: (offered: readonly string[]) => Promise<OpenedSocket>;
}

/** @throws the error of `open`; PeerloomError as `secureDialled`; the signal's reason. */
export async function dialWebSocket(dial: WebSocketDial): Promise<Link> {
  const { context, noiseKey, address, startedAt, expected, signal } = dial;
  const offered = fastestFirst().map(subprotocolOf);
  const { socket, messages, chosen } = await dial.open(offered);
  try {
    const { network, networkSecret, runtime } = context;
    const side = { socket, messages, offered, chosen, noiseKey, network, networkSecret };
    const secured = await unlessAborted(
      secureDialled(side, (id) => checkPinned(id, expected)),
      signal,
    );
    const remoteAddress = address;
    return new WebSocketLink({
      ...secured,
      socket,
      messages,
      remoteAddress,
      limitsByAddress: true,
      startedAt,
      runtime,
    });
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    throw error instanceof PeerloomError ? error : unexpected(error);
  }
}
