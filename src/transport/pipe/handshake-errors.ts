import { type Address, formatAddress } from '../../base/address.ts';
import { messageOf } from '../../base/arguments.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { ExpectedPeer } from '../transport.ts';

export const networkKeyMessage =
  'the two sides do not hold the same network key: give both nodes the same networkKey, or none, and check that a peerloom node listens there';

/** Refuses a node with another id than the pinned one, before this node proves its own id to it. */
export function checkPinned(id: string, expected: ExpectedPeer | undefined): void {
  if (expected === undefined || !expected.isPinned || expected.id === id) return;
  throw new PeerloomError(
    'ERR_ID_MISMATCH',
    `it has the id ${id}, not the expected ${expected.id}: if it has a new identity on purpose, expect its new id`,
  );
}

/** Adds the address that the caller dialled to an error of the handshake. */
export function inDial(error: unknown, address: Address): unknown {
  if (!(error instanceof PeerloomError)) return error;
  const { code, message, cause } = error;
  // A subclass of PeerloomError says more than its code, so it is kept.
  const isPlain = error.constructor === PeerloomError;
  return new PeerloomError(code, `${formatAddress(address)}: ${message}`, { cause: isPlain ? cause : error });
}

export function unexpected(cause: unknown): PeerloomError {
  return new PeerloomError('ERR_HANDSHAKE', `the handshake failed: ${messageOf(cause)}`, { cause });
}
