import { messageOf } from '../../base/arguments.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { ExpectedPeer } from '../transport.ts';

/** Refuses a node with another id than the pinned one, before this node proves its own id to it. */
export function checkPinned(id: string, expected: ExpectedPeer | undefined): void {
  if (expected === undefined || !expected.isPinned || expected.id === id) return;
  throw new PeerloomError(
    'ERR_ID_MISMATCH',
    `it has the id ${id}, not the expected ${expected.id}: if it has a new identity on purpose, expect its new id`,
  );
}

export function unexpected(cause: unknown): PeerloomError {
  return new PeerloomError('ERR_HANDSHAKE', `the handshake failed: ${messageOf(cause)}`, { cause });
}
