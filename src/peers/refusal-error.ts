import { type ErrorCode, PeerloomError } from '../base/errors.ts';
import type { HandshakeRefused } from '../channel/handshake-refused.ts';
import type { GoodbyeCode } from '../wire/frames/goodbye.ts';

const codes: Partial<Record<GoodbyeCode, ErrorCode>> = {
  conflict: 'ERR_IDENTITY_IN_USE',
  network: 'ERR_NETWORK_MISMATCH',
  version: 'ERR_VERSION',
  self: 'ERR_SELF_CONNECTION',
  protocol: 'ERR_HANDSHAKE',
  timeout: 'ERR_TIMEOUT',
  stopped: 'ERR_CONNECTION_CLOSED',
  disconnected: 'ERR_CONNECTION_CLOSED',
};

/** The error that the dialler receives for each reason to refuse a handshake. */
export function refusalError({ goodbye: reason, by }: HandshakeRefused, address: string): PeerloomError {
  const code = codes[reason.code] ?? 'ERR_NOT_ALLOWED';
  const who = by === 'us' ? 'this node refused' : 'refused by';
  return new PeerloomError(code, `${who} ${address}: ${reason.message}`);
}
