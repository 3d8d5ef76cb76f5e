import { type Address, formatAddress } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { SniffedProtocol } from './sniff.ts';

/** Adds the address that the caller dialled to an error of the handshake. */
export function inDial(error: unknown, address: Address): unknown {
  if (!(error instanceof PeerloomError)) return error;
  const { code, message, cause } = error;
  // An error of a class of its own says more than its code.
  const isPlain = error.constructor === PeerloomError;
  return new PeerloomError(code, `${formatAddress(address)}: ${message}`, { cause: isPlain ? cause : error });
}

export function notSpoken(protocol: SniffedProtocol): PeerloomError {
  const what =
    protocol === 'unknown' ? 'neither TLS nor plain peerloom (a p2pnetwork node, maybe)' : protocol;
  return new PeerloomError(
    'ERR_HANDSHAKE',
    `it speaks ${what}, which this node does not accept: see the option tcp({ accept })`,
  );
}
