import { PeerloomError } from '../../base/errors.ts';
import type { SniffedProtocol } from './sniff.ts';

export function notSpoken(protocol: SniffedProtocol): PeerloomError {
  const what =
    protocol === 'unknown'
      ? 'neither TLS nor plain peerloom (a p2pnetwork node, maybe)'
      : protocol === 'websocket'
        ? 'HTTP, as WebSockets do'
        : protocol;
  return new PeerloomError(
    'ERR_HANDSHAKE',
    `it speaks ${what}, which this node does not accept: see the option tcp({ accept })`,
  );
}
